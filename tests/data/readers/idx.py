"""Fashion-MNIST's files, small, as published."""

import gzip
from pathlib import Path

import numpy as np


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes in the IDX format, gzipped where the name says so."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_fashion(folder: Path, count: int = 100, suffix: str = ".gz") -> tuple[np.ndarray, np.ndarray]:
    """Write both parts, `count` images each, of every class and of every brightness; return the training part."""
    labels = np.arange(count) % 10
    levels = np.random.default_rng(0).permutation(count) * 200 // count + 40
    images = np.broadcast_to(levels[:, None, None], (count, 28, 28)).astype(np.uint8)
    for part, pixels in (("train", images), ("t10k", 255 - images)):
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", pixels)
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", labels)
    return images, labels
