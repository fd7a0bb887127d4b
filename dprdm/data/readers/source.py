"""A collection of captioned images, whatever its layout on disk. One reader per layout, one file per reader."""

import io
import logging
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dprdm.errors import UserError

# Unreadable images one after another that training passes over; more look like a disk that has gone.
MOST_IN_A_ROW = 64
# A strip longer than this many times its width would fill the memory once its short side is enlarged.
MOST_OBLONG = 16
# What Pillow's decoders raise on damaged files; UnidentifiedImageError is an OSError.
DAMAGED = (
    OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
log = logging.getLogger(__name__)


class UnreadableImage(OSError):
    """This image cannot be decoded. Indexing lists it and goes on."""


class ImageSource(ABC):
    """A sequence of images, each with a key that is unique in the source and a caption that may be empty."""

    # The column that names the person an image belongs to, where there is one.
    group_column: str | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def image(self, index: int) -> Image.Image:
        """Return the image at `index`, upright, RGB or L. Raises UnreadableImage if it cannot be decoded."""

    @abstractmethod
    def caption(self, index: int) -> str:
        """Return the caption at `index`; empty if there is none."""

    @abstractmethod
    def key(self, index: int) -> str:
        """Return what the image at `index` is called: unique, and the same on every run."""

    def group(self, index: int) -> str | None:
        """Return whom the image at `index` belongs to, where the unit of privacy is a person; None where it is an image."""
        return None

    def prompts(self) -> Sequence[str]:
        """Return prompts that this source suggests, made from public knowledge alone. Empty if it has none."""
        return ()


def read_image(path: Path) -> Image.Image:
    """Decode one file fully, turn it upright by its EXIF tag, and return it as RGB or L."""
    return _decode(path, path.name)


def decode_image(content: bytes, name: str) -> Image.Image:
    """Decode a file's bytes as `read_image` does. Raises UnreadableImage with `name` if they are no image."""
    return _decode(io.BytesIO(content), name)


def next_readable(source: ImageSource, positions: Sequence[int] | np.ndarray, start: int) -> tuple[int, Image.Image]:
    """Return the first image from `positions[start]` on that can be decoded, wrapping around, and where it is in `positions`.

    Images that are passed over are named in the log. Raises UserError after `MOST_IN_A_ROW` of them.
    """
    for step in range(min(MOST_IN_A_ROW, len(positions))):
        number = (start + step) % len(positions)
        try:
            return number, source.image(int(positions[number]))
        except UnreadableImage as error:
            log.warning("Passed over, cannot be read: %s", error)
    raise UserError(
        f"Expected images that can be read; {step + 1} in a row cannot, the first of them "
        f"{source.key(int(positions[start]))}. Are the files still there?"
    )


def _decode(file: Path | io.BytesIO, name: str) -> Image.Image:
    try:
        with Image.open(file) as image:
            return _to_eight_bits(_middle(ImageOps.exif_transpose(image)))
    except DAMAGED as error:
        raise UnreadableImage(f"{name}: {error}") from error


def _middle(image: Image.Image) -> Image.Image:
    """The image, or the middle of a strip: whoever uses images enlarges the short side and keeps the middle square."""
    width, height = image.size
    most = MOST_OBLONG * min(width, height)
    if max(width, height) <= most:
        return image
    left, top = max(width - most, 0) // 2, max(height - most, 0) // 2
    return image.crop((left, top, left + min(width, most), top + min(height, most)))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "L" and not image.has_transparency_data:
        return image.copy()
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would cut everything above 255 to white
        return Image.fromarray((np.asarray(image).clip(0, 65_535) // 257).astype(np.uint8))
    if image.has_transparency_data:  # on white, as a page shows it; what lies under transparent pixels is arbitrary
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
