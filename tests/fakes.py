"""Small stores on disk and coins that a test may choose."""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dprdm.public.knowledge import NO_CAPTION, PublicKnowledge
from dprdm.retrieval.store import Manifest, PrivateStore, PublicStore, Shard

# The demo's encoder by one name, as any model config with any file of weights.
DEMO_CLIP = "dprdm/demo/assets/dprdm_demo_clip.json/dprdm/demo/assets/encoder.safetensors"


def unit_rows(count: int, dim: int, seed: int = 0) -> np.ndarray:
    """Random unit vectors, float32."""
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def private_store(path: Path, vectors: np.ndarray, groups: list[list[int]] | None = None) -> PrivateStore:
    """A private store of these rows; `groups` lists the rows of each person."""
    _write(path, vectors, "private", groups)
    return PrivateStore(path)


def with_rows_of_nobody(path: Path, groups: list[list[int]]) -> PrivateStore:
    """Turn a store of images into one as version 0.4 left it where persons had too many: rows in no group stay in it."""
    manifest = Manifest.read(path / "manifest.json")
    rows = np.array([row for group in groups for row in group], np.int64)
    np.savez(path / "units.npz", offsets=np.cumsum([0, *map(len, groups)]), rows=rows)
    changed = replace(manifest, group_column="person", max_per_unit=max(map(len, groups)))
    (path / "manifest.json").write_text(changed.to_json())
    return PrivateStore(path)


def public_store(path: Path, vectors: np.ndarray) -> PublicStore:
    """A public store of these rows."""
    _write(path, vectors, "public", None)
    return PublicStore(path)


def public_knowledge(folder: Path, count: int, dim: int, num_queries: int = 12, seed: int = 9) -> PublicKnowledge:
    """Random public rows, every third without a caption, and captions near the rows that they belong to."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, queries = unit_rows(count, dim, seed), unit_rows(num_queries, dim, seed + 1)
    caption_of = np.where(np.arange(count) % 3 == 2, NO_CAPTION, np.arange(count) % num_queries)
    captioned = caption_of != NO_CAPTION
    rows[captioned] = 0.6 * rows[captioned] + queries[caption_of[captioned]]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return PublicKnowledge(rows, queries, caption_of, f"public {count} {seed}", folder)


def coins(seed: int) -> Callable[[int], bytes]:
    """The same bytes every time, for comparing two runs."""
    return np.random.default_rng(seed).bytes


def words(*values: int) -> Callable[[int], bytes]:
    """Exactly these 64-bit words, one after another."""
    return stream(values)


def stream(values: Iterable[int]) -> Callable[[int], bytes]:
    """Words from an iterable, as many bytes as are asked for."""
    remaining = iter(values)

    def take(size: int) -> bytes:
        taken = [next(remaining) for _ in range(size // 8)]
        return b"".join(word.to_bytes(8, "little") for word in taken)

    return take


def _write(path: Path, vectors: np.ndarray, kind: str, groups: list[list[int]] | None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    np.save(path / "00000.vectors.npy", vectors.astype(np.float32))
    shard = Shard("00000", len(vectors), hashlib.sha256((path / "00000.vectors.npy").read_bytes()).hexdigest())
    if groups is not None:
        rows = np.array([row for group in groups for row in group], np.int64)
        np.savez(path / "units.npz", offsets=np.cumsum([0, *map(len, groups)]), rows=rows)
    manifest = Manifest(
        kind=kind,
        fingerprint=os.urandom(16).hex(),
        encoder={},
        dim=vectors.shape[1],
        source={},
        shards=(shard,),
        group_column=None if groups is None else "person",
        max_per_unit=1 if groups is None else max(map(len, groups)),
    )
    (path / "manifest.json").write_text(manifest.to_json())
