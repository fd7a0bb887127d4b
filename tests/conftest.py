"""Every test runs with named shapes and types enforced, one thread, no network, and warnings as errors."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two test processes on two cores; more threads are many times slower
os.environ.update(HF_HUB_OFFLINE="1", WANDB_MODE="offline", WANDB_SILENT="true")
# As the command line sets it: 4.53 renames what 4.46, the oldest that we take, has under the old name alone.
os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")

from jaxtyping import install_import_hook

import tests.typechecker  # noqa: F401 - the hook finds it as an attribute of its package

install_import_hook(["dprdm"], "tests.typechecker.typechecked")

from pathlib import Path
from typing import Literal

import pytest
import torch

from dprdm.cli import main
from dprdm.demo.fashion import FashionDemo

torch.set_num_threads(1)

NUM_PRIVATE = 240


@pytest.fixture(scope="session")
def private_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of real images, 24 of each class."""
    folder = tmp_path_factory.mktemp("private-images")
    _save_images("private", NUM_PRIVATE, folder)
    return folder


@pytest.fixture(scope="session")
def public_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of other real images, 24 of each class, each with its caption in a text file beside it."""
    folder = tmp_path_factory.mktemp("public-images")
    for path, caption in _save_images("public", 240, folder).items():
        path.with_suffix(".txt").write_text(caption)
    return folder


def _save_images(split: Literal["private", "public"], number: int, folder: Path) -> dict[Path, str]:
    """Write as many images, evenly by class; return each file's caption."""
    source, captions = FashionDemo(split), {}
    for label in range(10):
        for index in (source.labels == label).nonzero()[0][: number // 10].tolist():
            path = folder / f"{index:05d}.png"
            source.image(index).save(path)
            captions[path] = source.caption(index)
    return captions


@pytest.fixture
def workplace(private_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a private store of its own in `store/`, so that each test has its own ledger."""
    monkeypatch.chdir(tmp_path)
    assert main(["index", "--images", str(private_images), "--encoder", "demo", "--out", "store"]) == 0
    return tmp_path
