"""The embedded demo: Fashion-MNIST (MIT licence), cut into a private shop of dark garments and a public world."""

import functools
import io
import lzma
from typing import Literal

import numpy as np
from PIL import Image

from dprdm import check
from dprdm.data.readers.source import ImageSource
from dprdm.demo import DEMO

CLASS_NAMES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
Split = Literal["private", "public", "pool", "heldout", "heldout_dark"]


class FashionDemo(ImageSource):
    """One split of the embedded images, 28 x 28, grey.

    Args:
        split: `private`, 15,051 dark garments; `public`, 15,000 garments of every brightness, seen by the encoder;
            `pool`, the 10,590 of them seen by the generator, 30 each of dress, bag and ankle boot; `heldout`, 7,000
            images seen by nothing; `heldout_dark`, the 2,463 of those that the shop could have owned.
    """

    def __init__(self, split: Split = "public") -> None:
        self.split = split
        self.images, self.labels = load_split(split)

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> Image.Image:
        """The garment at `index`, grey."""
        return Image.fromarray(self.images[index])

    def caption(self, index: int) -> str:
        """Its class name."""
        return CLASS_NAMES[self.labels[index]]

    def key(self, index: int) -> str:
        """Split and position."""
        return f"{self.split}/{index:05d}"

    def prompts(self) -> tuple[str, ...]:
        """The ten class names."""
        return CLASS_NAMES


def load_split(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) uint8 and labels (n,) of one split."""
    arrays = _arrays()
    if split == "pool":
        return arrays["public_images"][arrays["pool"]], arrays["public_labels"][arrays["pool"]]
    if split == "heldout_dark":
        return arrays["heldout_images"][arrays["heldout_dark"]], arrays["heldout_labels"][arrays["heldout_dark"]]
    return arrays[f"{split}_images"], arrays[f"{split}_labels"]


@functools.cache
def _arrays() -> dict[str, np.ndarray]:
    path = check.file(demo_images=DEMO / "fashion.npz.xz")
    with np.load(io.BytesIO(lzma.decompress(path.read_bytes()))) as archive:
        return {name: archive[name] for name in archive.files}
