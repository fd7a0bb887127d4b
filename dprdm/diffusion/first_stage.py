"""The first stage: images to the latents that are denoised, and back. Frozen."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dprdm.diffusion.shapes import Images, Latents
from dprdm.errors import UserError


class FirstStage(nn.Module, ABC):
    """A pair of maps between images in [-1, 1] and latents of about unit variance."""

    @abstractmethod
    def encode(self, images: Images) -> Latents:
        """Encode images as latents."""

    @abstractmethod
    def decode(self, latents: Latents) -> Images:
        """Decode latents to images in [-1, 1]."""

    @abstractmethod
    def init_args(self) -> dict[str, Any]:
        """Return the arguments that make the same first stage again, in plain values."""


class PixelBlocks(FirstStage):
    """No first stage but a rearrangement: each block of size x size pixels becomes channels. Nothing is lost.

    Args:
        size: side of a block; 1 leaves the pixels where they are.
    """

    def __init__(self, size: int = 1) -> None:
        super().__init__()
        self.size = size

    def encode(self, images: Images) -> Latents:
        """Move blocks of pixels into channels: (image, c, h, w) to (image, c * size^2, h / size, w / size)."""
        return functional.pixel_unshuffle(images, self.size)

    def decode(self, latents: Latents) -> Images:
        """Invert `encode`, clamped to [-1, 1]."""
        return functional.pixel_shuffle(latents, self.size).clamp(-1, 1)

    def init_args(self) -> dict[str, Any]:
        """Return the size."""
        return {"size": self.size}


class HaarBlocks(FirstStage):
    """No first stage but a rotation: each block of 2 x 2 pixels becomes its mean and three differences.

    Photographs hold little in the differences. Scaled up for the network and down again after it, so are the network's
    errors there: without this they stand in the image as a pattern of dots.

    Args:
        shift: mean over images of the block means; the latents are centred on it.
        scales: standard deviation of the block means and of the three differences (across, down, diagonal), or more:
            what is divided by more than its standard deviation weighs less in the loss.

    Source: Haar wavelets; Phung et al. 2023 (arXiv 2211.16152) diffuse in them.
    """

    rotation: Tensor
    scales: Tensor
    shift: Tensor

    def __init__(self, shift: float = 0.0, scales: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)) -> None:
        super().__init__()
        self.arguments = {"shift": shift, "scales": list(scales)}
        signs = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
        self.register_buffer("rotation", signs / 2, persistent=False)
        self.register_buffer("scales", torch.tensor(scales)[:, None, None], persistent=False)
        self.register_buffer("shift", torch.tensor([shift, 0.0, 0.0, 0.0])[:, None, None], persistent=False)

    def encode(self, images: Images) -> Latents:
        """Split (image, c, h, w) into (image, 4 c, h / 2, w / 2): the four bands of each channel side by side."""
        blocks = functional.pixel_unshuffle(images, 2).unflatten(1, (-1, 4))  # type: ignore[no-untyped-call]
        bands = torch.einsum("bp,icphw->icbhw", self.rotation, blocks)
        return ((bands - self.shift) / self.scales).flatten(1, 2)

    def decode(self, latents: Latents) -> Images:
        """Invert `encode`, clamped to [-1, 1]."""
        split = latents.unflatten(1, (-1, 4))  # type: ignore[no-untyped-call]
        bands = split * self.scales + self.shift
        blocks = torch.einsum("bp,icbhw->icphw", self.rotation, bands)
        return functional.pixel_shuffle(blocks.flatten(1, 2), 2).clamp(-1, 1)

    def init_args(self) -> dict[str, Any]:
        """Return shift and scales."""
        return self.arguments


class Autoencoder(FirstStage):
    """A diffusers autoencoder (AutoencoderKL or VQModel) from a folder or a hub id.

    Args:
        path: folder written by `save_pretrained`, or a hub id.
        scale: latents are multiplied by it. None: the autoencoder's own `scaling_factor`.
    """

    def __init__(self, path: Path | str, scale: float | None = None) -> None:
        super().__init__()
        self.path = path
        self.autoencoder = _load_autoencoder(path).eval().requires_grad_(False)
        self.scale = scale if scale is not None else self.autoencoder.config.get("scaling_factor", 1.0)

    @torch.no_grad()
    def encode(self, images: Images) -> Latents:
        """Return the mode of the posterior, or the vector before quantisation, scaled."""
        encoded = self.autoencoder.encode(images)
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        scaled: Latents = latents * self.scale
        return scaled

    @torch.no_grad()
    def decode(self, latents: Latents) -> Images:
        """Return the decoder's image, clamped to [-1, 1]."""
        images: Images = self.autoencoder.decode(latents / self.scale).sample.clamp(-1, 1)
        return images

    def init_args(self) -> dict[str, Any]:
        """Return the folder or hub id, and the scale."""
        return {"path": str(self.path), "scale": self.scale}


def _load_autoencoder(path: Path | str) -> Any:
    from diffusers import AutoModel

    try:
        return AutoModel.from_pretrained(str(path))  # diffusers fails on a Path
    except (OSError, ValueError) as error:
        raise UserError(
            f"Expected a diffusers autoencoder at {path}; loading it failed ({str(error).splitlines()[0]}). "
            "Give a folder that `save_pretrained` wrote, or a hub id where there is internet."
        ) from error
