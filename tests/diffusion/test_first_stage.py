"""First stages undo themselves."""

import pytest
import torch
from diffusers import AutoencoderKL, VQModel

from dprdm.diffusion.first_stage import Autoencoder, HaarBlocks, PixelBlocks

SMALL = {
    "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2,
    "block_out_channels": (8, 8), "norm_num_groups": 4, "latent_channels": 3,
}  # fmt: skip


def images(channels: int = 1, size: int = 28) -> torch.Tensor:
    return 2 * torch.rand(2, channels, size, size, generator=torch.Generator().manual_seed(0)) - 1


@pytest.mark.parametrize(("size", "channels"), [(1, 1), (2, 1), (2, 3), (7, 3)])
def test_pixel_blocks_lose_nothing(size, channels):
    stage, given = PixelBlocks(size), images(channels)
    latents = stage.encode(given)
    assert latents.shape == (2, channels * size**2, 28 // size, 28 // size)
    assert torch.equal(stage.decode(latents), given)


def test_a_block_of_pixels_becomes_the_channels_of_one_place():
    given = images()
    assert torch.equal(PixelBlocks(2).encode(given)[0, :, 3, 5], given[0, 0, 6:8, 10:12].flatten())


@pytest.mark.parametrize("channels", [1, 3])
def test_haar_blocks_lose_nothing(channels):
    stage, given = HaarBlocks(-0.9, (1.3, 0.5, 0.4, 0.3)), images(channels)
    latents = stage.encode(given)
    assert latents.shape == (2, 4 * channels, 14, 14)
    assert torch.allclose(stage.decode(latents), given, atol=1e-6)


def test_haar_bands_are_the_mean_and_the_differences_of_a_block():
    block = torch.tensor([[0.1, 0.2], [0.4, -0.5]])[None, None]
    bands = HaarBlocks(0.5, (2.0, 1.0, 1.0, 0.5)).encode(block).flatten()
    assert torch.allclose(bands, torch.tensor([(0.1 - 0.5) / 2, 0.4, 0.2, -0.5 / 0.5]), atol=1e-6)


def test_an_error_in_a_scaled_band_is_scaled_with_it():
    """What the network gets wrong in the diagonal differences is as much smaller in the image as they are."""
    stage, given = HaarBlocks(0.0, (1.0, 1.0, 1.0, 0.1)), 0.5 * images()
    wrong = stage.encode(given)
    wrong[:, 3] += 1.0
    assert (stage.decode(wrong) - given).abs().max() == pytest.approx(0.05, abs=1e-6)


def test_decoded_images_stay_in_range():
    assert PixelBlocks(2).decode(torch.full((1, 4, 3, 3), 7.0)).max() == 1


@pytest.mark.parametrize("kind", [AutoencoderKL, VQModel])
def test_an_autoencoder_from_a_folder(tmp_path, kind):
    """A scale goes in at one end and out at the other: the image is the autoencoder's own, whatever the scale."""
    torch.manual_seed(0)
    kind(in_channels=3, out_channels=3, **SMALL).save_pretrained(tmp_path)
    given = images(channels=3, size=16)
    own, scaled = Autoencoder(tmp_path, scale=1.0), Autoencoder(tmp_path, scale=0.5)
    latents = own.encode(given)
    assert latents.shape == (2, 3, 8, 8)
    assert torch.allclose(scaled.encode(given), 0.5 * latents)
    assert torch.allclose(scaled.decode(0.5 * latents), own.decode(latents), atol=1e-5)
    assert own.decode(latents).abs().max() <= 1
    assert not any(parameter.requires_grad for parameter in own.parameters())
    assert Autoencoder(tmp_path).scale == pytest.approx(0.18215)


def test_encoding_is_not_random(tmp_path):
    AutoencoderKL(in_channels=3, out_channels=3, **SMALL).save_pretrained(tmp_path)
    stage = Autoencoder(tmp_path)
    assert torch.equal(stage.encode(images(3, 16)), stage.encode(images(3, 16)))
