"""ImageNet in the layouts its publishers ship: image-net.org's folders, the face-blurred ones, and Kaggle's."""

import csv
import os
from pathlib import Path
from typing import Literal

from PIL import Image

from dprdm.data.readers.source import ImageSource, read_image
from dprdm.errors import UserError
from dprdm.files import read_json

SUFFIXES = (".jpeg", ".jpg")
# Where a split's images are, below the root: unpacked as published, face-blurred, Kaggle's.
LAYOUTS = ("{split}", "{split}_blurred", "ILSVRC/Data/CLS-LOC/{split}")
# Files with the classes' names, in the root or beside it.
NAMES = ("LOC_synset_mapping.txt", "synset_words.txt", "imagenet_class_index.json")
LABELS = "LOC_{split}_solution.csv"


class ImageNet(ImageSource):
    """One split of ImageNet-1k, or any part of it: `{split}/n01440764/n01440764_10026.JPEG`, class by class.

    The validation images may also lie side by side, as published; `LOC_val_solution.csv` then says their classes.

    Args:
        root: the folder that holds the split's folder: `train`, `train_blurred` or `ILSVRC/Data/CLS-LOC/train`.
        split: `train` or `val`.
        names: the classes' names: lines `n01440764 tench, Tinca tinca`, or a JSON of {"0": ["n01440764", "tench"]} or of
            {"n01440764": "tench"}. None: the one in `root` if there is one. A caption is a class's first name.
    """

    def __init__(self, root: Path, split: Literal["train", "val"] = "train", names: Path | None = None) -> None:
        self.folder = _folder(Path(root), split)
        self.files = _files(self.folder)
        if not self.files:
            raise UserError(f"Expected folders of JPEG files such as n01440764/ in {self.folder}, and found none.")
        shipped = next((Path(root) / name for name in NAMES if (Path(root) / name).is_file()), None)
        self.names = _read_names(Path(names) if names is not None else shipped)
        self.labels = _read_labels(Path(root) / LABELS.format(split=split))

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> Image.Image:
        """Return the decoded JPEG."""
        return read_image(self.folder / self.files[index])

    def caption(self, index: int) -> str:
        """Return the first name of its class; empty where the names or the class are missing."""
        return self.names.get(self._class_of(self.files[index]), "")

    def key(self, index: int) -> str:
        """Return the path below the split's folder."""
        return self.files[index]

    def prompts(self) -> tuple[str, ...]:
        """Return the classes' names, which are public knowledge."""
        return tuple(self.names.values())

    def _class_of(self, file: str) -> str:
        folder, _, name = file.rpartition("/")
        return folder or self.labels.get(name.partition(".")[0], "")


def _folder(root: Path, split: str) -> Path:
    for layout in LAYOUTS:
        if (folder := root / layout.format(split=split)).is_dir():
            return folder
    raise UserError(
        f"Expected ImageNet in {root}: unpack its archive so that {root / split}/ (or {split}_blurred/) exists and holds "
        "one folder of JPEG files a class, such as n01440764/."
    )


def _files(folder: Path) -> list[str]:
    """Paths below `folder`, in order; of a million files, only names are held in memory."""
    paths: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir():
            paths += [
                f"{entry.name}/{name}"
                for name in sorted(file.name for file in os.scandir(entry.path))
                if _is_jpeg(name)
            ]
        elif _is_jpeg(entry.name):
            paths.append(entry.name)
    return paths


def _is_jpeg(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _read_names(path: Path | None) -> dict[str, str]:
    """The first name of each class, by its folder's name."""
    if path is None:
        return {}
    if path.suffix == ".json":
        return _names_in_json(path)
    try:
        lines = [line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {wnid: _first_name(names) for wnid, names in lines}
    except (OSError, ValueError) as error:
        raise UserError(
            f"Expected lines such as 'n01440764 tench, Tinca tinca' in {path}; reading it failed: {error}."
        ) from error


def _names_in_json(path: Path) -> dict[str, str]:
    content = read_json(path)
    try:
        pairs = [tuple(value) if isinstance(value, list) else (key, value) for key, value in content.items()]
        return {wnid: _first_name(name) for wnid, name in pairs}
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f'Expected names such as {{"n01440764": "tench"}} in {path}, and found others.') from error


def _first_name(names: str) -> str:
    return names.partition(",")[0].replace("_", " ").strip()


def _read_labels(path: Path) -> dict[str, str]:
    """Classes of images that lie side by side: rows `ILSVRC2012_val_00048981,n03995372 85 1 499 272`."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        return {row[0]: row[1].split()[0] for row in csv.reader(lines) if len(row) == 2 and row[1].strip()}
