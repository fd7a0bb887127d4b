"""Converted networks compute what CompVis' compute; what cannot be converted is refused by name."""

import pytest
import torch

from dprdm.convert.compvis import convert_autoencoder, convert_network, network_config
from dprdm.diffusion.network import ConditionedUNet
from dprdm.errors import UserError
from tests.convert.compvis_reference import FirstStage, Unet, random_first_stage, random_unet

# Three levels of which the first does not attend, as the paper's four; two blocks, so that counting them can go wrong.
SIZES = {"widths": (32, 64, 96), "blocks": 2, "attention": (False, True, True), "channels": 3, "context": 16}


def converted(state: dict[str, torch.Tensor], **options: object) -> ConditionedUNet:
    config = network_config(state, latent_size=16, **options)
    network = ConditionedUNet(config).eval()
    network.load_state_dict(convert_network(state, config))
    return network


def given(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    latents, context = torch.randn(2, 3, 16, 16, generator=draw), torch.randn(2, 4, 16, generator=draw)
    return latents, torch.tensor([3, 871]), context


@torch.inference_mode()
@pytest.mark.parametrize(
    "change", [{}, {"blocks": 1}, {"attention": (True, False, True)}, {"widths": (32, 96)}], ids=str
)
def test_a_converted_network_predicts_what_theirs_predicts(change):
    sizes = {**SIZES, **change}
    state = random_unet(**{**sizes, "attention": sizes["attention"][: len(sizes["widths"])]})
    latents, times, context = given()
    theirs = Unet(state)(latents, times, context)
    ours = converted(state)(latents, times, context, torch.zeros(2))
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_heads_are_what_they_are_said_to_be():
    state, (latents, times, context) = random_unet(**SIZES), given()
    wide, narrow = (Unet(state, head_width)(latents, times, context) for head_width in (32, 16))
    assert not torch.allclose(wide, narrow, atol=1e-3)
    torch.testing.assert_close(
        converted(state, head_width=16)(latents, times, context, torch.zeros(2)), narrow, rtol=1e-4, atol=1e-4
    )
    assert converted(state, heads=2).unet.down_blocks[2].attentions[0].transformer_blocks[0].attn1.heads == 2


def test_a_noise_level_input_starts_without_effect_and_can_learn():
    state, (latents, times, context) = random_unet(**SIZES), given()
    network = converted(state, knows_noise=True)
    plain = converted(state)(latents, times, context, torch.zeros(2))
    torch.testing.assert_close(network(latents, times, context, torch.tensor([0.1, 0.3])), plain)
    network(latents, times, context, torch.tensor([0.1, 0.3])).square().sum().backward()
    assert network.unet.class_embedding.linear_2.weight.grad.abs().max() > 0


def test_sizes_are_read_from_the_tensors():
    config = network_config(random_unet(**SIZES), latent_size=16)
    assert tuple(config.widths) == (32, 64, 96) and tuple(config.attention) == (False, True, True)
    assert (config.blocks, config.condition_dim, config.latent_channels) == (2, 16, 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.update({"label_emb.0.weight": torch.zeros(3)}), r"label_emb\.0\.weight has no place"),
        (
            lambda s: s.update({"input_blocks.4.1.qkv.weight": torch.zeros(3)}),
            r"input_blocks\.4\.1\.qkv\.weight has no",
        ),
        (
            lambda s: s.update({"middle_block.1.transformer_blocks.1.norm1.weight": torch.zeros(3)}),
            r"transformer_blocks\.1\.norm1\.weight has no place",
        ),
        (lambda s: s.pop("output_blocks.3.0.out_layers.3.bias"), r"1 tensors are missing, such as unet\.up_blocks\.1"),
        (lambda s: s.pop("middle_block.1.transformer_blocks.0.attn2.to_k.weight"), r"no tensor middle_block\.1"),
        (
            lambda s: s.update({"middle_block.1.proj_in.weight": torch.zeros(96, 96)}),
            r"middle_block\.1\.proj_in\.weight to have the shape \(96, 96, 1, 1\), got \(96, 96\)",
        ),
        (lambda s: s.pop("input_blocks.2.0.out_layers.3.weight"), r"no tensor input_blocks\.2\.0"),
    ],
)
def test_another_network_is_refused_by_the_name_of_what_differs(change, sentence):
    state = random_unet(**SIZES)
    change(state)
    with pytest.raises(UserError, match=sentence):
        converted(state)


@torch.inference_mode()
@pytest.mark.parametrize("codes", [64, None], ids=["VQ", "KL"])
def test_a_converted_first_stage_codes_as_theirs_does(codes):
    state = random_first_stage((32, 64, 64), blocks=2, codes=codes)
    theirs, ours = FirstStage(state), convert_autoencoder(state)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    encoded = ours.encode(images)
    latents = encoded.latents if codes else encoded.latent_dist.mean
    expected = theirs.encode(images)
    assert latents.shape == (2, 3, 8, 8) and expected.std() > 0.1
    torch.testing.assert_close(latents, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.decode(expected).sample, theirs.decode(expected), rtol=1e-4, atol=1e-4)


def test_a_first_stage_of_another_kind_is_refused_by_name():
    state = random_first_stage((32, 64), blocks=1, codes=8)
    with pytest.raises(UserError, match=r"encoder\.down\.1\.attn\.0\.q\.weight has no place"):
        convert_autoencoder({**state, "encoder.down.1.attn.0.q.weight": torch.zeros(64, 64, 1, 1)})
    del state["decoder.mid.attn_1.k.bias"]
    with pytest.raises(UserError, match="1 tensors are missing, such as decoder"):
        convert_autoencoder(state)
