"""Fashion-MNIST's own files, and the rule that cuts its training images into a private shop and a public world."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from dprdm.errors import UserError

PRIVATE_CANDIDATES = 43_000
DARKEST = 0.35

Garments = UInt8[np.ndarray, "image height width"]
Labels = Int[np.ndarray, "image"] | UInt8[np.ndarray, "image"]
Mark = Bool[np.ndarray, "image"]


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """The array in one IDX file of bytes (magic, dimensions, bytes), gzipped or not. Raises UserError if damaged."""
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
        shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, zlib.error, IndexError, ValueError) as error:
        raise UserError(
            f"Expected an IDX file in {path}, and reading it failed: {error}. Download it again."
        ) from error


def garment_brightness(images: Garments) -> Float[np.ndarray, "image"]:
    """Mean of the pixels over 20, per image: the background is black and is left out."""
    garment = images > 20
    return (images * garment).sum((1, 2)) / garment.sum((1, 2)).clip(1)


def darkest(images: Garments, labels: Labels) -> Mark:
    """Mark, in each class, the 35% of images whose garment pixels are darkest."""
    brightness = garment_brightness(images)
    mark = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        mine = labels == label
        mark |= mine & (brightness <= np.quantile(brightness[mine], DARKEST))
    return mark


def owned_by_the_shop(images: Garments, labels: Labels) -> Mark:
    """Mark the training images that are private: the darkest of the first 43,000. All others are public."""
    mark = np.zeros(len(labels), bool)
    mark[:PRIVATE_CANDIDATES] = darkest(images[:PRIVATE_CANDIDATES], labels[:PRIVATE_CANDIDATES])
    return mark
