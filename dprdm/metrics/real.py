"""Real images as a metric wants them: tensors of one shape, with their classes where their captions name some."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from dprdm.data.readers.source import ImageSource, UnreadableImage
from dprdm.diffusion.shapes import Pixels
from dprdm.errors import UserError

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class RealImages:
    """Images of a source, brought to one shape.

    Args:
        images: all that could be read.
        captions: of each.
        labels: the class of each; None where captions are missing or name no class.
        class_names: by position.
        conversion: what was done to sizes and colours, in words; empty if nothing.
    """

    images: Pixels
    captions: tuple[str, ...]
    labels: Int[Tensor, "image"] | None
    class_names: tuple[str, ...]
    conversion: str


def read_real(source: ImageSource, shape: Shape | None, most: int | None = None) -> RealImages:
    """Read a source.

    Args:
        source: images.
        shape: channels, height, width that all are brought to; None: those of the first.
        most: images read at most, spread evenly over the source; None: all.

    Raises:
        UserError: if none can be read.
    """
    positions = np.linspace(0, len(source) - 1, min(most or len(source), len(source))).round().astype(int).tolist()
    read: list[np.ndarray] = []
    captions: list[str] = []
    is_converted = False
    for position in tqdm(positions, desc="Reading real images", unit="image", leave=False):
        try:
            image = source.image(position)
        except UnreadableImage:
            continue
        shape = shape or _shape_of(image)
        is_converted |= _shape_of(image) != shape
        read.append(_brought_to(image, shape))
        captions.append(source.caption(position))
    if shape is None:
        raise UserError("Expected real images that can be read, and found none.")
    names = tuple(source.prompts()) or tuple(sorted(set(captions) - {""}))
    channels, height, width = shape
    colour = "grey" if channels == 1 else "RGB"
    conversion = f"real images fitted to {height} x {width} {colour} (bicubic, middle cut)" if is_converted else ""
    return RealImages(torch.from_numpy(np.stack(read)), tuple(captions), _labels(captions, names), names, conversion)


def _shape_of(image: Image.Image) -> Shape:
    return (1 if image.mode == "L" else 3, image.height, image.width)


def _brought_to(image: Image.Image, shape: Shape) -> np.ndarray:
    channels, height, width = shape
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    pixels = np.array(image.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else np.moveaxis(pixels, -1, 0)


def _labels(captions: Sequence[str], names: Sequence[str]) -> Tensor | None:
    positions = {name: position for position, name in enumerate(names)}
    if not captions or any(caption not in positions for caption in captions):
        return None
    return torch.tensor([positions[caption] for caption in captions])
