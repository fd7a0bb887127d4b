"""How the contract tests open a small collection with each reader."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dprdm.data.readers.source import ImageSource
from dprdm.registry import create, find
from tests.data.pictures import picture
from tests.data.readers.archives import encoded, write_cifar10, write_tar
from tests.data.readers.idx import write_fashion


def coco(folder: Path) -> ImageSource:
    names = [picture(folder / "val2014" / f"{number}.jpg", seed=number).name for number in range(3)]
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    (folder / "annotations").mkdir()
    content = {"images": images, "annotations": [{"image_id": 1, "id": 1, "caption": "A cat."}]}
    (folder / "annotations/captions_val2014.json").write_text(json.dumps(content))
    return create("reader", "coco", root=folder, split="val2014")


def images_in_a_folder(folder: Path) -> ImageSource:
    for number in range(3):
        picture(folder / f"some/{number}.png", seed=number).with_suffix(".txt").write_text(f"picture {number}")
    return create("reader", "folder", folder=folder)


def imagenet(folder: Path) -> ImageSource:
    for number in range(3):
        picture(folder / f"train/n01440764/n01440764_{number}.jpg", seed=number)
    return create("reader", "imagenet", root=folder)


def fashion_mnist(folder: Path) -> ImageSource:
    write_fashion(folder)
    return create("reader", "fashion_mnist", root=folder)


def demo_public(folder: Path) -> ImageSource:
    write_fashion(folder)
    return create("reader", "demo_public", root=folder)


def parquet(folder: Path) -> ImageSource:
    images = [{"bytes": encoded(level), "path": f"{level}.png"} for level in (10, 20, 30)]
    pq.write_table(pa.table({"image": images, "text": ["a", "b", ""]}), folder / "a.parquet")
    return create("reader", "parquet", files=str(folder))


def tars(folder: Path) -> ImageSource:
    write_tar(folder / "000.tar", [(f"{n}.png", encoded(20 * n)) for n in range(3)])
    return create("reader", "tars", shards=str(folder / "000.tar"), index=folder / "index")


OPENED: dict[str, Callable[[Path], ImageSource]] = {
    "coco": coco,
    "demo": lambda folder: create("reader", "demo", split="heldout_dark"),
    "demo_public": demo_public,
    "fashion_mnist": fashion_mnist,
    "folder": images_in_a_folder,
    "imagenet": imagenet,
    "parquet": parquet,
    "prompts": lambda folder: create("reader", "prompts", prompts=["a", "b"]),
    "tars": tars,
}


def open_sample(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ImageSource:
    """Open a small collection with the reader of this name; one of another package brings its own, as `sample(folder)`."""
    folder.mkdir(exist_ok=True)
    if name == "cifar10":
        return create("reader", name, root=write_cifar10(folder, monkeypatch))
    if name in OPENED:
        return OPENED[name](folder)
    module = importlib.import_module(find("reader", name).__module__)
    if "sample" not in vars(module):
        pytest.skip(f"{module.__name__} has no function sample(folder) that opens a small collection")
    return module.sample(folder)
