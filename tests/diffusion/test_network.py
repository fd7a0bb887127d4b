"""What the network looks at, and what it does not."""

import pytest
import torch

from dprdm.diffusion.network import ConditionedUNet, NetworkConfig
from tests.diffusion.networks import TINY, inputs, tiny


def test_predicts_one_latent_each():
    latents, times, condition, noise_std = inputs(3)
    assert tiny()(latents, times, condition, noise_std).shape == latents.shape
    assert NetworkConfig(latent_size=32).latent_shape == (3, 32, 32)


@torch.inference_mode()
def test_the_condition_matters():
    network, (latents, times, condition, noise_std) = tiny(), inputs(3)
    assert not torch.allclose(
        network(latents, times, condition, noise_std), network(latents, times, -condition, noise_std)
    )


@torch.inference_mode()
def test_the_condition_scale_multiplies_the_condition():
    latents, times, condition, noise_std = inputs(3)
    scaled = tiny(condition_scale=3.0)(latents, times, condition, noise_std)
    assert torch.allclose(scaled, tiny()(latents, times, 3 * condition, noise_std), atol=1e-5)


@torch.inference_mode()
def test_several_vectors_are_a_set():
    """Attention does not mind their order; it does mind which they are."""
    network, (latents, times, condition, noise_std) = tiny(), inputs(3, tokens=5)
    given = network(latents, times, condition, noise_std)
    assert torch.allclose(network(latents, times, condition.flip(1), noise_std), given, atol=1e-5)
    assert not torch.allclose(network(latents, times, condition[:, :2], noise_std), given, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("knows_noise", [True, False])
def test_the_noise_level_matters_where_the_network_knows_it(knows_noise):
    network, (latents, times, condition, noise_std) = tiny(knows_noise=knows_noise), inputs(3)
    given, other = (network(latents, times, condition, level) for level in (noise_std, noise_std + 0.1))
    assert torch.equal(given, other) != knows_noise


@torch.inference_mode()
@pytest.mark.parametrize("tokens", [1, 4])
def test_where_nothing_is_kept_condition_and_noise_level_are_not_seen(tokens):
    network, (latents, times, condition, noise_std) = tiny(), inputs(2, tokens)
    keep = torch.tensor([True, False])
    given = network(latents, times, condition, noise_std, keep)
    other = network(latents, times, condition + 1, noise_std + 0.1, keep)
    assert torch.equal(given[1], other[1]) and not torch.allclose(given[0], other[0])
    null = network.null_condition.expand(2, tokens, 8)
    assert torch.allclose(given[1], network(latents, times, null, 0 * noise_std)[1], atol=1e-5)


@torch.inference_mode()
def test_a_network_that_reads_queries_tells_the_last_vector_from_the_others():
    network, (latents, times, condition, noise_std) = tiny(reads_query=True), inputs(3, tokens=2)
    given, turned = (network(latents, times, tokens, noise_std) for tokens in (condition, condition.flip(1)))
    assert not torch.allclose(given, turned, atol=1e-5)
    network.query_mark.zero_()  # without its mark, it is one of a set
    unmarked, turned = (network(latents, times, tokens, noise_std) for tokens in (condition, condition.flip(1)))
    assert torch.allclose(unmarked, turned, atol=1e-5)


@torch.inference_mode()
def test_where_nothing_is_kept_the_query_is_not_seen_either():
    network, (latents, times, condition, noise_std) = tiny(reads_query=True), inputs(2, tokens=2)
    other = condition.clone()
    other[:, -1] += 1
    given, changed = (network(latents, times, c, noise_std, torch.tensor([True, False])) for c in (condition, other))
    assert torch.equal(given[1], changed[1]) and not torch.allclose(given[0], changed[0])


@torch.inference_mode()
def test_keeping_all_is_the_same_as_not_saying():
    network, (latents, times, condition, noise_std) = tiny(), inputs(3)
    kept = network(latents, times, condition, noise_std, torch.ones(3, dtype=torch.bool))
    assert torch.equal(kept, network(latents, times, condition, noise_std))


def test_the_null_condition_is_trained_by_those_not_kept_alone():
    network, (latents, times, condition, noise_std) = tiny(), inputs(2)
    for keep, is_trained in [([True, True], False), ([True, False], True)]:
        network.zero_grad()
        network(latents, times, condition, noise_std, torch.tensor(keep)).square().sum().backward()
        assert bool(network.null_condition.grad.abs().sum() > 0) == is_trained


def test_levels_without_attention():
    names = [type(block).__name__ for block in tiny(attention=(False, True)).unet.down_blocks]
    assert names == ["DownBlock2D", "CrossAttnDownBlock2D"]


def test_heads_are_as_wide_as_asked_for():
    attention = tiny(head_width=8).unet.down_blocks[1].attentions[0].transformer_blocks[0].attn2
    assert attention.heads == 32 // 8
    assert tiny(heads=2).unet.down_blocks[1].attentions[0].transformer_blocks[0].attn2.heads == 2


@pytest.mark.parametrize(
    ("options", "count"),
    [({"knows_noise": False, "trains_null": False}, 400_920_579), ({}, 400_920_579 + 738_816 + 512)],
)
def test_the_papers_network_has_its_size(options, count):
    """400.92 million parameters; the noise-level input and the trained null condition add a fifth of a percent."""
    with torch.device("meta"):
        network = ConditionedUNet(NetworkConfig(attention=(False, True, True, True), **options))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_a_null_condition_that_is_not_trained_is_zero_and_kept():
    network = ConditionedUNet(NetworkConfig(**vars(TINY) | {"trains_null": False}))
    assert "null_condition" in network.state_dict() and not network.null_condition.any()
    assert not network.null_condition.requires_grad
