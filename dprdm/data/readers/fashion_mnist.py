"""Fashion-MNIST in full, from the files its publisher ships."""

import gzip
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError

CLASS_NAMES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
ROOTS = (Path("data"), Path("/usr/share/datasets/fashion-mnist"))
LAYOUTS = ("", "raw", "FashionMNIST/raw")
PARTS = {"train": "train", "test": "t10k"}


class FashionMnist(ImageSource):
    """One split of Fashion-MNIST, 28 x 28, grey.

    Args:
        split: `train`, 60,000 images; `test`, 10,000.
        root: a folder with torchvision's layout (`FashionMNIST/raw/`) or with the four files themselves, gzipped or not.
            None: `data`, then where Debian's `dataset-fashion-mnist` puts them.
    """

    def __init__(self, split: Literal["train", "test"] = "train", root: Path | None = None) -> None:
        self.part = PARTS[split]
        folder = _find(ROOTS if root is None else (Path(root),), self.part)
        self.images = read_idx(_file(folder, f"{self.part}-images-idx3-ubyte"))
        self.labels = read_idx(_file(folder, f"{self.part}-labels-idx1-ubyte"))
        if self.images.ndim != 3 or self.labels.shape != self.images.shape[:1]:
            raise UserError(
                f"Expected one label an image in {folder}; found images {self.images.shape} and labels "
                f"{self.labels.shape}. Download the files again."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> Image.Image:
        """Return the garment at `index`, grey."""
        return Image.fromarray(self.images[index])

    def caption(self, index: int) -> str:
        """Return its class name."""
        return CLASS_NAMES[self.labels[index]]

    def key(self, index: int) -> str:
        """Return the file and the position in it."""
        return f"{self.part}/{index:05d}"

    def prompts(self) -> tuple[str, ...]:
        """Return the ten class names."""
        return CLASS_NAMES


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Return the array in one IDX file of bytes (magic, dimensions, bytes), gzipped or not.

    Raises:
        UserError: if the file is missing or damaged.
    """
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
        shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, zlib.error, IndexError, ValueError) as error:
        raise UserError(
            f"Expected an IDX file in {path}, and reading it failed: {error}. Download it again."
        ) from error


def _find(roots: tuple[Path, ...], part: str) -> Path:
    """Return the first folder that holds the images of `part`."""
    for folder in (root / layout for root in roots for layout in LAYOUTS):
        if _file(folder, f"{part}-images-idx3-ubyte").is_file():
            return folder
    raise UserError(
        f"Expected {part}-images-idx3-ubyte.gz in {' or '.join(map(str, roots))}, or below it in FashionMNIST/raw. "
        "`apt-get install dataset-fashion-mnist` puts it where it is found; so does "
        "torchvision.datasets.FashionMNIST('data', download=True)."
    )


def _file(folder: Path, name: str) -> Path:
    """Return the path of the file, unpacked if torchvision did that."""
    return folder / name if (folder / name).is_file() else folder / f"{name}.gz"
