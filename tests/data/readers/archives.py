"""Tars, Parquet files and batches of CIFAR-10 as people publish them, small."""

import hashlib
import io
import pickle
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from dprdm.data.readers.cifar10 import CLASS_NAMES


def encoded(level: int, suffix: str = "png") -> bytes:
    """A 4 x 3 picture, grey `level` all over, as a file's bytes."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((3, 4, 3), level, np.uint8)).save(buffer, "JPEG" if suffix == "jpg" else suffix)
    return buffer.getvalue()


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    """An uncompressed tar of these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def level(image: Image.Image) -> int:
    """The grey level of a picture that `encoded` made."""
    return round(float(np.asarray(image).mean()))


def write_cifar10(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write CIFAR-10's batches of four pictures each, with the checksums that torchvision expects; return `root`."""
    draws, folder = np.random.default_rng(0), root / "cifar-10-batches-py"
    folder.mkdir()

    def write(name: str, content: dict[str, object]) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def batch(name: str) -> list[str]:
        labels = [int(label) for label in draws.integers(0, 10, 4)]
        return write(name, {"data": draws.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": labels})

    monkeypatch.setattr(CIFAR10, "train_list", [batch(f"data_batch_{number}") for number in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [batch("test_batch")])
    name, md5 = write("batches.meta", {"label_names": list(CLASS_NAMES)})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return root
