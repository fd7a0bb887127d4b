"""One shard of a store in the making: decode, embed, write. Whole or absent."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image

from dprdm.data.persons import Persons
from dprdm.data.readers.source import ImageSource, UnreadableImage
from dprdm.errors import UserError
from dprdm.files import hash_file, write_text, write_whole
from dprdm.retrieval.store import Shard
from dprdm.types import Embeddings


@runtime_checkable
class ImageEncoder(Protocol):
    """What turns images into unit vectors, and says who it is."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    @property
    def identity(self) -> dict[str, str]:
        """What makes two encoders the same."""

    def images(self, images: Iterable[Image.Image]) -> Embeddings:
        """Return unit vectors (image, dim), each a function of its image alone, whatever the others are. Asks for few ahead."""


@runtime_checkable
class Progress(Protocol):
    """A progress bar: tqdm's, or nothing."""

    def update(self, n: int, /) -> object:
        """Count n images more."""


def write_shard(
    path: Path,
    name: str,
    source: ImageSource,
    items: range,
    encoder: ImageEncoder,
    progress: Progress,
    persons: Persons | None = None,
) -> None:
    """Embed the images at `items` and write the shard's four files, the one that says it is whole last.

    Args:
        persons: whose images they are: of a person who has contributed enough, no more are read. None: all are.
    """
    decoded: list[int] = []
    skipped: list[str] = []
    rows = encoder.images(_decoded(source, items, persons, decoded, skipped, progress))
    _require_finite(rows, [source.key(index) for index in decoded])
    write_whole(path / f"{name}.vectors.npy", lambda file: _save(file, rows))
    write_whole(path / f"{name}.index.npy", lambda file: _save(file, np.array(decoded, np.int64)))
    write_text(path / f"{name}.keys.jsonl", "".join(f"{json.dumps(source.key(i))}\n" for i in decoded))
    shard = Shard(name, len(rows), hash_file(path / f"{name}.vectors.npy"), tuple(skipped))
    write_text(path / f"{name}.json", json.dumps(asdict(shard)))


def _decoded(
    source: ImageSource,
    items: range,
    persons: Persons | None,
    decoded: list[int],
    skipped: list[str],
    progress: Progress,
) -> Iterator[Image.Image]:
    """Decode one image after another, so that photographs fit into memory; say which were, and which could not be."""
    for index in items:
        if persons is None or persons.has_room(index):
            try:
                image = source.image(index)
            except UnreadableImage:
                skipped.append(source.key(index))
            else:
                decoded.append(index)
                if persons is not None:
                    persons.count(np.array([index]))
                yield image
        progress.update(1)


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
