"""One shard of a store in the making: decode, embed, write. Whole or absent."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image

from dprdm.data.source import ImageSource, UnreadableImage
from dprdm.errors import UserError
from dprdm.files import hash_file, write_text, write_whole
from dprdm.retrieval.store import Shard
from dprdm.types import Embeddings

# Images decoded before they are embedded together; fewer where they are large, so that photographs fit into memory.
READ_AHEAD = 256
READ_AHEAD_PIXELS = 1 << 26


@runtime_checkable
class ImageEncoder(Protocol):
    """What turns images into unit vectors, and says who it is."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    @property
    def identity(self) -> dict[str, str]:
        """What makes two encoders the same."""

    def images(self, images: list[Image.Image]) -> Embeddings:
        """Unit vectors (image, dim)."""


@runtime_checkable
class Progress(Protocol):
    """A progress bar: tqdm's, or nothing."""

    def update(self, n: int, /) -> object:
        """Count n images more."""


def write_shard(
    path: Path, name: str, source: ImageSource, items: range, encoder: ImageEncoder, progress: Progress
) -> None:
    """Embed the images at `items` and write the shard's four files, the one that says it is whole last."""
    vectors = [np.zeros((0, encoder.dim), np.float32)]
    kept: list[int] = []
    skipped: list[str] = []
    for indices, images in _decoded(source, items, skipped):
        embedded = encoder.images(images)
        _require_finite(embedded, [source.key(i) for i in indices])
        vectors.append(embedded)
        kept.extend(indices)
        progress.update(len(indices))
    progress.update(len(skipped))
    rows = np.concatenate(vectors)
    write_whole(path / f"{name}.vectors.npy", lambda file: _save(file, rows))
    write_whole(path / f"{name}.index.npy", lambda file: _save(file, np.array(kept, np.int64)))
    write_text(path / f"{name}.keys.jsonl", "".join(f"{json.dumps(source.key(i))}\n" for i in kept))
    shard = Shard(name, len(rows), hash_file(path / f"{name}.vectors.npy"), tuple(skipped))
    write_text(path / f"{name}.json", json.dumps(asdict(shard)))


def _decoded(source: ImageSource, items: range, skipped: list[str]) -> Iterator[tuple[list[int], list[Image.Image]]]:
    """Batches of decoded images with their positions; what cannot be decoded is added to `skipped`."""
    indices: list[int] = []
    images: list[Image.Image] = []
    pixels = 0
    for index in items:
        try:
            images.append(source.image(index))
        except UnreadableImage:
            skipped.append(source.key(index))
            continue
        indices.append(index)
        pixels += images[-1].width * images[-1].height
        if len(images) == READ_AHEAD or pixels >= READ_AHEAD_PIXELS:
            yield indices, images
            indices, images, pixels = [], [], 0
    if images:
        yield indices, images


def _require_finite(embedded: Embeddings, keys: list[str]) -> None:
    bad = ~np.isfinite(embedded).all(1) | (np.abs(np.linalg.norm(embedded, axis=1) - 1) > 1e-3)
    if bad.any():
        raise UserError(
            f"Expected unit vectors from the encoder; {keys[int(bad.argmax())]} gave one that is not. "
            "Remove the image, or repair the encoder."
        )


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.save(stream, array)
