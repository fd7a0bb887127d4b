"""Tars and Parquet files as people publish them, small."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


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
