import pytest
import torch

from dprdm.rivals.tuned import Attention, Everything, Lora, Tuned
from tests.diffusion.networks import inputs, tiny


def moved(tuned: Tuned) -> set[str]:
    """Names of the ordinary tensors that a step of an optimiser on what is trained changes, once merged."""
    network = tiny()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    tuned.prepare(network)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trained, 1.0)
    for _ in range(2):  # the first step of low-rank weights moves one of the two factors alone
        optimiser.zero_grad()
        network(*inputs(4)).square().sum().backward()
        optimiser.step()
    after = tuned.merged(network)
    assert after.keys() == before.keys()
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


def test_attention_moves_attention_alone() -> None:
    names = moved(Attention())
    assert names and all(".attentions." in name for name in names)
    assert {name.rsplit(".", 2)[-2] for name in names} >= {"to_q", "to_k", "to_v", "proj_in"}


def test_lora_moves_the_projections_alone() -> None:
    names = moved(Lora(2))
    assert names and all(".attentions." in name and ".to_" in name and name.endswith("weight") for name in names)


def test_everything_moves_all_but_the_null_condition() -> None:
    names = moved(Everything())
    assert "null_condition" not in names
    assert any(".resnets." in name for name in names)


@pytest.mark.parametrize("tuned", [Everything(), Attention(), Lora(2, 4.0)], ids=lambda tuned: tuned.name)
def test_merged_is_the_network_that_was_trained(tuned: Tuned) -> None:
    network = tiny()
    tuned.prepare(network)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    plain = tiny(1)
    plain.load_state_dict(tuned.merged(network))
    with torch.no_grad():
        assert torch.allclose(plain(*inputs(3)), network(*inputs(3)), atol=1e-5)
