"""Fashion-MNIST in full, from the files its publisher ships, cut as the demo is."""

from pathlib import Path
from typing import Literal

from PIL import Image

from dprdm.data.readers.source import ImageSource
from dprdm.demo.cutting import owned_by_the_shop, read_idx
from dprdm.demo.fashion import CLASS_NAMES
from dprdm.errors import UserError

PLACES = (Path("data"), Path("/usr/share/datasets/fashion-mnist"))
LAYOUTS = ("", "raw", "FashionMNIST/raw")
PARTS = {"train": "train", "public": "train", "test": "t10k"}


class FashionMnist(ImageSource):
    """One split of Fashion-MNIST, 28 x 28, grey.

    Args:
        split: `train`, 60,000 images; `test`, 10,000; `public`, the 44,949 training images that are not among the demo's
            private ones. The demo's held-out images are test images, so `public` has neither.
        root: a folder with torchvision's layout (`FashionMNIST/raw/`) or with the four files themselves, gzipped or not.
            None: `data`, then where Debian's `dataset-fashion-mnist` puts them.
    """

    def __init__(self, split: Literal["train", "test", "public"] = "public", root: Path | None = None) -> None:
        self.split = split
        folder = _find(PLACES if root is None else (Path(root),), PARTS[split])
        self.images = read_idx(_file(folder, f"{PARTS[split]}-images-idx3-ubyte"))
        self.labels = read_idx(_file(folder, f"{PARTS[split]}-labels-idx1-ubyte"))
        if self.images.ndim != 3 or self.labels.shape != self.images.shape[:1]:
            raise UserError(
                f"Expected one label an image in {folder}; found images {self.images.shape} and labels "
                f"{self.labels.shape}. Download the files again."
            )
        self.numbers = (
            (~owned_by_the_shop(self.images, self.labels)).nonzero()[0].tolist()
            if split == "public"
            else range(len(self.labels))
        )

    def __len__(self) -> int:
        return len(self.numbers)

    def image(self, index: int) -> Image.Image:
        """The garment at `index`, grey."""
        return Image.fromarray(self.images[self.numbers[index]])

    def caption(self, index: int) -> str:
        """Its class name."""
        return CLASS_NAMES[self.labels[self.numbers[index]]]

    def key(self, index: int) -> str:
        """File and position in it: the same image has the same key in `train` and in `public`."""
        return f"{PARTS[self.split]}/{self.numbers[index]:05d}"

    def prompts(self) -> tuple[str, ...]:
        """The ten class names."""
        return CLASS_NAMES


def _find(places: tuple[Path, ...], part: str) -> Path:
    """The first folder that holds the images of `part`."""
    for folder in (place / layout for place in places for layout in LAYOUTS):
        if _file(folder, f"{part}-images-idx3-ubyte").is_file():
            return folder
    raise UserError(
        f"Expected {part}-images-idx3-ubyte.gz in {' or '.join(map(str, places))}, or below it in FashionMNIST/raw. "
        "`apt-get install dataset-fashion-mnist` puts it where it is found; so does "
        "torchvision.datasets.FashionMNIST('data', download=True)."
    )


def _file(folder: Path, name: str) -> Path:
    """The file, unpacked if torchvision did that."""
    return folder / name if (folder / name).is_file() else folder / f"{name}.gz"
