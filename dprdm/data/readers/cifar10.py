"""CIFAR-10 as torchvision reads it: the publisher's python batches, checked by their checksums before they are unpickled."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from torchvision.datasets import CIFAR10

from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Cifar10(ImageSource):
    """One split of CIFAR-10, 32 x 32, RGB.

    Args:
        root: the folder that holds `cifar-10-batches-py/`.
        split: `train`, 50,000 images, or `test`, 10,000.
        is_downloaded: fetch and unpack the publisher's archive if it is not there yet.
    """

    def __init__(self, root: Path, split: Literal["train", "test"] = "train", is_downloaded: bool = False) -> None:
        self.split = split
        try:
            content = CIFAR10(root, train=split == "train", download=is_downloaded)
        except (RuntimeError, OSError) as error:
            folder, archive = Path(root) / CIFAR10.base_folder, CIFAR10.filename
            failed = f"Downloading it failed ({error}); unpack" if is_downloaded else "Unpack"
            raise UserError(
                f"Expected CIFAR-10, whole, in {folder}/. {failed} {archive} of www.cs.toronto.edu/~kriz/cifar.html in "
                f"{root}{'' if is_downloaded else ', or set is_downloaded to true'}."
            ) from error
        self.images, self.labels = np.asarray(content.data), np.asarray(content.targets)

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> Image.Image:
        """Return the picture at `index`."""
        return Image.fromarray(self.images[index])

    def caption(self, index: int) -> str:
        """Return its class name."""
        return CLASS_NAMES[self.labels[index]]

    def key(self, index: int) -> str:
        """Return the split and the position."""
        return f"{self.split}/{index:05d}"

    def prompts(self) -> tuple[str, ...]:
        """Return the ten class names."""
        return CLASS_NAMES
