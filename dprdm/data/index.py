"""Embed a collection into a store, shard by shard. A shard is whole or absent, so an interrupted index goes on from there."""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dprdm.data.source import ImageSource, UnreadableImage
from dprdm.errors import StoreError, UserError
from dprdm.files import hash_file, read_json, write_text, write_whole
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore, PublicStore, Shard
from dprdm.types import Embeddings

SHARD_ROWS = 65_536
READ_AHEAD = 256  # images decoded before they are embedded together


@runtime_checkable
class ImageEncoder(Protocol):
    """What turns images into unit vectors, and says who it is."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    @property
    def identity(self) -> dict[str, str]:
        """What makes two encoders the same."""

    def images(self, images: list[Any]) -> Embeddings:
        """Unit vectors (image, dim)."""


@runtime_checkable
class Progress(Protocol):
    """A progress bar: tqdm's, or nothing."""

    def update(self, n: int, /) -> object:
        """Count n images more."""


@dataclass(frozen=True)
class IndexReport:
    """What indexing found."""

    rows: int
    skipped: tuple[str, ...]
    dropped: int = 0


def build_store(
    source: ImageSource,
    encoder: ImageEncoder,
    path: Path,
    kind: type[PrivateStore] | type[PublicStore],
    progress: Progress,
    shard_rows: int = SHARD_ROWS,
    max_per_unit: int | None = None,
) -> IndexReport:
    """Embed every image of `source` into a store at `path`, resuming one that was interrupted.

    Args:
        source: the collection.
        encoder: makes the rows.
        path: the store's folder.
        kind: private or public.
        progress: told of every image.
        shard_rows: images a shard.
        max_per_unit: where the source groups images by person, the most that one person may contribute; the rest is
            left out, in order of key. None: every image is a unit of its own.

    Raises:
        StoreError: if `path` holds a finished store, or one begun with another source, encoder or shard size.
        UserError: if an embedding is not finite, or no image could be read.
    """
    if (path / MANIFEST).exists():
        raise StoreError(f"Expected no store in {path}, and there is one. Give another folder, or delete that one.")
    if max_per_unit:
        _require_owners(source)
    description = {
        "keys_sha256": _hash_keys(source),
        "shard_rows": shard_rows,
        "encoder": encoder.identity,
        "kind": kind.kind,
    }
    _begin(path, description)
    shards = []
    for start in range(0, len(source), shard_rows):
        stop = min(start + shard_rows, len(source))
        name = f"{start // shard_rows:05d}"
        if not (path / f"{name}.json").exists():
            _write_shard(path, name, source, range(start, stop), encoder, progress)
        else:
            progress.update(stop - start)
        shard = read_json(path / f"{name}.json", StoreError)
        shards.append(Shard(**{**shard, "skipped": tuple(shard["skipped"])}))
    return _finish(path, source, tuple(shards), encoder, kind, max_per_unit)


def _require_owners(source: ImageSource) -> None:
    """Everybody's owner is known, or nothing is embedded: nobody may be left without one."""
    for index in range(len(source)):
        if source.group(index) is None:
            raise UserError("Expected a group for every image where max_per_group is given. Name the --group_column.")


def _hash_keys(source: ImageSource) -> str:
    """What the images are called, so that an index is only gone on with over the same images."""
    digest = hashlib.sha256()
    for index in range(len(source)):
        digest.update(json.dumps(source.key(index)).encode())
    return digest.hexdigest()


def _begin(path: Path, description: dict[str, Any]) -> None:
    begun = path / "begun.json"
    if begun.exists():
        if read_json(begun, StoreError) != description:
            raise StoreError(
                f"{path} holds an index begun with other images or another encoder. Delete it, or finish it."
            )
        return
    if path.is_dir() and any(path.iterdir()):
        raise StoreError(f"Expected {path} to be empty or an index to go on with. Give another folder.")
    write_text(begun, json.dumps(description))


def _write_shard(
    path: Path, name: str, source: ImageSource, items: range, encoder: ImageEncoder, progress: Progress
) -> None:
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


def _decoded(source: ImageSource, items: range, skipped: list[str]) -> Iterator[tuple[list[int], list[Any]]]:
    """Batches of decoded images with their positions; what cannot be decoded is added to `skipped`."""
    indices: list[int] = []
    images: list[Any] = []
    for index in items:
        try:
            images.append(source.image(index))
            indices.append(index)
        except UnreadableImage:
            skipped.append(source.key(index))
        if len(images) == READ_AHEAD:
            yield indices, images
            indices, images = [], []
    if images:
        yield indices, images


def _require_finite(embedded: Embeddings, keys: list[str]) -> None:
    bad = ~np.isfinite(embedded).all(1) | (np.abs(np.linalg.norm(embedded, axis=1) - 1) > 1e-3)
    if bad.any():
        raise UserError(
            f"Expected unit vectors from the encoder; {keys[int(bad.argmax())]} gave one that is not. "
            "Remove the image, or repair the encoder."
        )


def _finish(
    path: Path,
    source: ImageSource,
    shards: tuple[Shard, ...],
    encoder: ImageEncoder,
    kind: type[PrivateStore] | type[PublicStore],
    max_per_unit: int | None,
) -> IndexReport:
    skipped = tuple(key for shard in shards for key in shard.skipped)
    rows = sum(shard.rows for shard in shards)
    if rows == 0:
        _remove(path, shards)
        raise UserError(
            f"Expected at least one image that can be read; all {len(skipped)} were broken: {skipped[0]} ..."
        )
    _require_unique(path, shards)
    dropped = _write_units(path, source, shards, max_per_unit) if max_per_unit else 0
    manifest = Manifest(
        kind=kind.kind,
        fingerprint=secrets.token_hex(16),
        encoder=encoder.identity,
        dim=encoder.dim,
        source={"images": len(source)},
        shards=shards,
        group_column=(getattr(source, "group_column", None) or "group") if max_per_unit else None,
        max_per_unit=max_per_unit or 1,
        units_sha256=hash_file(path / "units.npz") if max_per_unit else None,
    )
    write_text(path / MANIFEST, manifest.to_json())
    return IndexReport(rows, skipped, dropped)


def _remove(path: Path, shards: tuple[Shard, ...]) -> None:
    """Take back an index of nothing, so that the folder is free for another try."""
    for shard in shards:
        for part in ("vectors.npy", "index.npy", "keys.jsonl", "json"):
            (path / f"{shard.name}.{part}").unlink(missing_ok=True)
    (path / "begun.json").unlink()
    path.rmdir()


def _require_unique(path: Path, shards: tuple[Shard, ...]) -> None:
    """Row ids and keys stand for one image each: a row stored twice would have twice the sensitivity (hazard 9)."""
    keys = [key for shard in shards for key in (path / f"{shard.name}.keys.jsonl").read_text("utf-8").split("\n")[:-1]]
    if len(keys) != len(set(keys)):
        twice = Counter(keys).most_common(1)[0][0]
        raise StoreError(
            f"Expected every image once in {path}; {twice} is there twice. Delete the folder and index again."
        )


def _write_units(path: Path, source: ImageSource, shards: tuple[Shard, ...], max_per_unit: int) -> int:
    """Write which rows belong to whom, at most `max_per_unit` each, and return how many rows were left out."""
    index = np.concatenate([np.load(path / f"{shard.name}.index.npy") for shard in shards])
    rows_of: dict[str, list[int]] = {}
    for row, item in enumerate(index.tolist()):
        group = source.group(item)
        assert group is not None  # by _require_owners
        rows_of.setdefault(group, []).append(row)
    kept = [rows[:max_per_unit] for rows in rows_of.values()]
    offsets = np.cumsum([0, *map(len, kept)])
    rows = np.array([row for unit in kept for row in unit], np.int64)
    write_whole(path / "units.npz", lambda file: _save_units(file, offsets, rows))
    return len(index) - len(rows)


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.save(stream, array)


def _save_units(path: Path, offsets: np.ndarray, rows: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.savez(stream, offsets=offsets, rows=rows)
