"""A collection of captioned images, whatever its layout on disk. One reader per layout, one file per reader."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError


class UnreadableImage(OSError):
    """This image cannot be decoded. Indexing lists it and goes on."""


class ImageSource(ABC):
    """A sequence of images, each with a key that is unique in the source and a caption that may be empty."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def image(self, index: int) -> Image.Image:
        """The image at `index`, upright, RGB or L. Raises UnreadableImage if it cannot be decoded."""

    @abstractmethod
    def caption(self, index: int) -> str:
        """The caption at `index`; empty if there is none."""

    @abstractmethod
    def key(self, index: int) -> str:
        """What the image at `index` is called: unique, and the same on every run."""

    def group(self, index: int) -> str | None:
        """Whom the image at `index` belongs to, where the unit of privacy is a person; None where it is an image."""
        return None

    def prompts(self) -> Sequence[str]:
        """Prompts that this source suggests, made from public knowledge alone. Empty if it has none."""
        return ()


def read_image(path: Path) -> Image.Image:
    """Decode one file fully, turn it upright by its EXIF tag, and return it as RGB or L."""
    try:
        with Image.open(path) as image:
            return _to_eight_bits(ImageOps.exif_transpose(image))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableImage(f"{path.name}: {error}") from error


def _to_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "L":
        return image.copy()
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would cut everything above 255 to white
        return Image.fromarray((np.asarray(image).clip(0, 65_535) // 257).astype(np.uint8))
    return image.convert("RGB")
