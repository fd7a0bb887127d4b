"""Embed a collection into a store, shard by shard. A shard is whole or absent, so an interrupted index goes on from there."""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dprdm.data.persons import Persons
from dprdm.data.readers.source import ImageSource
from dprdm.data.shards import ImageEncoder, Progress, write_shard
from dprdm.errors import StoreError, UserError
from dprdm.files import hash_file, read_json, write_text
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore, PublicStore, Shard, Store

SHARD_ROWS = 65_536
BEGUN = "begun.json"


@dataclass(frozen=True)
class IndexReport:
    """What indexing found.

    Args:
        rows: images in the store.
        skipped: keys of images that cannot be read.
        dropped: images of persons who had contributed enough; they are not in the store.
    """

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
    encoder_name: str | None = None,
) -> IndexReport:
    """Embed every image of `source` into a store at `path`, resuming one that was interrupted.

    Args:
        source: the collection.
        encoder: makes the rows.
        path: the store's folder.
        kind: private or public.
        progress: told of every image.
        shard_rows: images a shard.
        max_per_unit: where the source groups images by person, the most that one person may contribute: the first that
            can be read; the rest is not written. None: every image is a unit of its own.
        encoder_name: how the encoder was named, so that it can be loaded again; None where it was not.

    Raises:
        StoreError: if `path` holds a finished store, or one begun with another source, encoder or shard size.
        UserError: if an embedding is not finite, no image could be read, or an image belongs to nobody or to two persons.
    """
    if (path / MANIFEST).exists():
        raise StoreError(f"Expected no store in {path}, and there is one. Give another folder, or delete that one.")
    persons = None
    if max_per_unit is not None:
        persons = Persons(source, max_per_unit)
        _require_one_person_each(source)
    description = {
        "keys_sha256": _hash_keys(source),
        "shard_rows": shard_rows,
        "encoder": encoder.identity,
        "kind": kind.kind,
        **({} if persons is None else persons.description()),
    }
    _begin(path, description)
    shards = []
    for start in range(0, len(source), shard_rows):
        stop = min(start + shard_rows, len(source))
        name = f"{start // shard_rows:05d}"
        if not (path / f"{name}.json").exists():
            write_shard(path, name, source, range(start, stop), encoder, progress, persons)
        else:
            if persons is not None:
                persons.count(np.load(path / f"{name}.index.npy"))
            progress.update(stop - start)
        shard = read_json(path / f"{name}.json", StoreError)
        shards.append(Shard(**{**shard, "skipped": tuple(shard["skipped"])}))
    return _finish(path, source, tuple(shards), encoder, kind, persons, encoder_name)


def require_source(store: Store, source: ImageSource) -> None:
    """Raise StoreError unless the store was made of these images: else a row's image would be another one's."""
    made_of = read_json(store.path / BEGUN, StoreError) if (store.path / BEGUN).is_file() else {}
    if len(source) != store.manifest.source.get("images", len(source)) or (
        "keys_sha256" in made_of and made_of["keys_sha256"] != _hash_keys(source)
    ):
        raise StoreError(
            f"Expected {store.path} to be made of the images that are there now; it was made of "
            f"{store.manifest.source.get('images')}, and their number or names have changed. Delete it, or name another."
        )


def _hash_keys(source: ImageSource) -> str:
    """What the images are called, so that an index is only gone on with over the same images."""
    digest = hashlib.sha256()
    for index in range(len(source)):
        digest.update(json.dumps(source.key(index)).encode())
    return digest.hexdigest()


def _begin(path: Path, description: dict[str, Any]) -> None:
    begun = path / BEGUN
    if begun.exists():
        if read_json(begun, StoreError) != description:
            raise StoreError(
                f"{path} holds an index begun with other images or another encoder, or with other persons or another limit "
                "of images for each. Delete it, or finish it."
            )
        return
    if path.is_dir() and any(path.iterdir()):
        raise StoreError(f"Expected {path} to be empty or an index to go on with. Give another folder.")
    write_text(begun, json.dumps(description))


def _finish(
    path: Path,
    source: ImageSource,
    shards: tuple[Shard, ...],
    encoder: ImageEncoder,
    kind: type[PrivateStore] | type[PublicStore],
    persons: Persons | None,
    encoder_name: str | None,
) -> IndexReport:
    skipped = tuple(key for shard in shards for key in shard.skipped)
    rows = sum(shard.rows for shard in shards)
    if rows == 0:
        _remove(path, shards)
        raise UserError(
            f"Expected at least one image that can be read; all {len(skipped)} were broken: {skipped[0]} ..."
        )
    _require_unique(path, shards)
    if persons is not None:
        positions = np.concatenate([np.load(path / f"{shard.name}.index.npy") for shard in shards])
        persons.write(path / "units.npz", positions)
    manifest = Manifest(
        kind=kind.kind,
        fingerprint=secrets.token_hex(16),
        encoder=encoder.identity | ({} if encoder_name is None else {"name": encoder_name}),
        dim=encoder.dim,
        source={"images": len(source)},
        shards=shards,
        group_column=None if persons is None else source.group_column or "group",
        max_per_unit=1 if persons is None else persons.max_per_unit,
        units_sha256=None if persons is None else hash_file(path / "units.npz"),
    )
    write_text(path / MANIFEST, manifest.to_json())
    return IndexReport(rows, skipped, len(source) - rows - len(skipped))


def _remove(path: Path, shards: tuple[Shard, ...]) -> None:
    """Take back an index of nothing, so that the folder is free for another try."""
    for shard in shards:
        for part in ("vectors.npy", "index.npy", "keys.jsonl", "json"):
            (path / f"{shard.name}.{part}").unlink(missing_ok=True)
    (path / BEGUN).unlink()
    path.rmdir()


def _require_unique(path: Path, shards: tuple[Shard, ...]) -> None:
    """Row ids and keys stand for one image each: a row stored twice would have twice the sensitivity (hazard 9)."""
    key = _repeated(lambda: _keys(path, shards))
    if key is not None:
        raise StoreError(
            f"Expected every image once in {path}; {key} is there twice. Delete the folder and index again."
        )


def _require_one_person_each(source: ImageSource) -> None:
    """An image that is listed twice belongs to two persons, or to one person twice: refuse it before it is embedded."""
    positions = range(len(source))
    key = _repeated(lambda: (source.key(index) for index in positions))
    if key is not None:
        rows = [index for index in positions if source.key(index) == key]
        first, second = (f"{source.group(index)} (row {index})" for index in rows[:2])
        raise UserError(f"Expected {key} to belong to one person; it is listed for {first} and for {second}. Keep one.")


def _repeated(keys: Callable[[], Iterator[str]]) -> str | None:
    """The key that is there most often, if that is more than once."""
    # Hashes of eight bytes, so that hundreds of millions of keys fit into memory; equal ones are then compared in full.
    hashes = np.fromiter((_short_hash(key) for key in keys()), np.int64)
    values, counts = np.unique(hashes, return_counts=True)
    suspects = set(values[counts > 1].tolist())
    counter = Counter(key for key in keys() if _short_hash(key) in suspects) if suspects else Counter[str]()
    return next((key for key, count in counter.most_common(1) if count > 1), None)


def _keys(path: Path, shards: tuple[Shard, ...]) -> Iterator[str]:
    for shard in shards:
        yield from (path / f"{shard.name}.keys.jsonl").read_text("utf-8").split("\n")[:-1]


def _short_hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little", signed=True)
