"""The demo's images: Fashion-MNIST (MIT licence), cut into a private shop of dark garments and a public world."""

import functools
import io
import lzma
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from dprdm import check
from dprdm.data.readers.fashion_mnist import CLASS_NAMES, FashionMnist
from dprdm.data.readers.source import ImageSource
from dprdm.demo import DEMO
from dprdm.demo.cutting import owned_by_the_shop

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
        """Return the garment at `index`, grey."""
        return Image.fromarray(self.images[index])

    def caption(self, index: int) -> str:
        """Return its class name."""
        return CLASS_NAMES[self.labels[index]]

    def key(self, index: int) -> str:
        """Return the split and the position in it."""
        return f"{self.split}/{index:05d}"

    def prompts(self) -> tuple[str, ...]:
        """Return the ten class names."""
        return CLASS_NAMES


class PublicFashion(ImageSource):
    """The 44,949 training images of Fashion-MNIST that are not private in the demo, 28 x 28, grey.

    The demo's held-out images are test images, so that none of them is here either.

    Args:
        root: as for the reader `FashionMnist`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.training = FashionMnist("train", root)
        private = owned_by_the_shop(self.training.images, self.training.labels)
        self.positions: list[int] = np.flatnonzero(~private).tolist()

    def __len__(self) -> int:
        return len(self.positions)

    def image(self, index: int) -> Image.Image:
        """Return the garment at `index`, grey."""
        return self.training.image(self.positions[index])

    def caption(self, index: int) -> str:
        """Return its class name."""
        return self.training.caption(self.positions[index])

    def key(self, index: int) -> str:
        """Return its key in the training images of `FashionMnist`."""
        return self.training.key(self.positions[index])

    def prompts(self) -> tuple[str, ...]:
        """Return the ten class names."""
        return CLASS_NAMES


def load_split(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, 28, 28) uint8 and labels (n,) of one split."""
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
