"""The first stage: images to the latents that are denoised, and back. Frozen."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from dprdm.diffusion.shapes import Images, Latents
from dprdm.errors import UserError


class FirstStage(nn.Module, ABC):
    """A pair of maps between images in [-1, 1] and latents of about unit variance."""

    @abstractmethod
    def encode(self, images: Images) -> Latents:
        """Images to latents."""

    @abstractmethod
    def decode(self, latents: Latents) -> Images:
        """Latents to images in [-1, 1]."""


class PixelBlocks(FirstStage):
    """No first stage but a rearrangement: each block of size x size pixels becomes channels. Nothing is lost.

    Args:
        size: side of a block; 1 leaves the pixels where they are.
    """

    def __init__(self, size: int = 1) -> None:
        super().__init__()
        self.size = size

    def encode(self, images: Images) -> Latents:
        """(image, c, h, w) to (image, c * size^2, h / size, w / size)."""
        return functional.pixel_unshuffle(images, self.size)

    def decode(self, latents: Latents) -> Images:
        """The inverse, clamped to [-1, 1]."""
        return functional.pixel_shuffle(latents, self.size).clamp(-1, 1)


class Autoencoder(FirstStage):
    """A diffusers autoencoder (AutoencoderKL or VQModel) from a folder or a hub id.

    Args:
        path: folder written by `save_pretrained`, or a hub id.
        scale: latents are multiplied by it. None: the autoencoder's own `scaling_factor`.
    """

    def __init__(self, path: Path | str, scale: float | None = None) -> None:
        super().__init__()
        self.autoencoder = _load_autoencoder(path).eval().requires_grad_(False)
        self.scale = scale if scale is not None else self.autoencoder.config.get("scaling_factor", 1.0)

    @torch.no_grad()
    def encode(self, images: Images) -> Latents:
        """The mode of the posterior, or the vector before quantisation, scaled."""
        encoded = self.autoencoder.encode(images)
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return latents * self.scale

    @torch.no_grad()
    def decode(self, latents: Latents) -> Images:
        """The decoder's image, clamped to [-1, 1]."""
        return self.autoencoder.decode(latents / self.scale).sample.clamp(-1, 1)


def _load_autoencoder(path: Path | str) -> Any:
    from diffusers import AutoModel

    try:
        return AutoModel.from_pretrained(str(path))  # diffusers fails on a Path
    except (OSError, ValueError) as error:
        raise UserError(
            f"Expected a diffusers autoencoder at {path}; loading it failed ({str(error).splitlines()[0]}). "
            "Give a folder that `save_pretrained` wrote, or a hub id where there is internet."
        ) from error
