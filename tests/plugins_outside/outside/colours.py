"""An encoder of three numbers: an image is its mean colour, a caption the colour that it names."""

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageColor

from dprdm.encoders.encoder import Encoder
from dprdm.types import Embeddings


class Colours(Encoder):
    """The direction of an image's mean colour in the cube of red, green and blue.

    Args:
        device: unused; encoders that are named on the command line are told one.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.identity = {"model": "mean colours, version 1", "weights_sha256": ""}

    @property
    def dim(self) -> int:
        """Three: red, green, blue."""
        return 3

    def images(self, images: Iterable[Image.Image]) -> Embeddings:
        """Return the direction of each image's mean colour."""
        return _directions([np.asarray(image.convert("RGB"), np.float64).mean(axis=(0, 1)) for image in images])

    def texts(self, captions: Sequence[str]) -> Embeddings:
        """Return the direction of the first colour that each caption names; of one that names none, grey."""
        return _directions([_colour(caption) for caption in captions])


def _colour(caption: str) -> np.ndarray:
    for word in caption.lower().split():
        if word in ImageColor.colormap:
            return np.array(ImageColor.getrgb(word)[:3], np.float64)
    return np.ones(3)


def _directions(colours: list[np.ndarray]) -> Embeddings:
    rows = np.stack([*colours, np.ones(3)])[:-1] + 1e-3  # black has no direction of its own: it is grey
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
