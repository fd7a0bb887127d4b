"""A reader of MedMNIST's .npz files: `train_images`, `train_labels`, and the same of `val` and `test`."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError


class MedMnist(ImageSource):
    """One split of a MedMNIST file.

    Args:
        path: the .npz file.
        split: `train`, `val` or `test`.
    """

    def __init__(self, path: Path, split: Literal["train", "val", "test"] = "train") -> None:
        self.name, self.split = Path(path).stem, split
        try:
            with np.load(path) as file:
                self.images, self.labels = file[f"{split}_images"], file[f"{split}_labels"].ravel()
        except (OSError, KeyError, ValueError) as error:
            raise UserError(
                f"Expected a MedMNIST file at {path}, from medmnist.com; reading it failed: {error}."
            ) from error

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> Image.Image:
        """Return the image at `index`, grey or in colour."""
        return Image.fromarray(self.images[index])

    def caption(self, index: int) -> str:
        """Return the number of its class."""
        return f"class {self.labels[index]}"

    def key(self, index: int) -> str:
        """Return the file's name, the split and the position."""
        return f"{self.name}/{self.split}/{index:06d}"


def sample(folder: Path) -> MedMnist:
    """Write a small file and open it: the contract tests of readers look for this."""
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28, 3), dtype=np.uint8)
    np.savez(folder / "smallmnist.npz", train_images=images, train_labels=np.arange(12)[:, None] % 3)
    return MedMnist(folder / "smallmnist.npz")
