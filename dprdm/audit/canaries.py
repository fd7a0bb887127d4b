"""Pairs of private stores that differ by one record, the canary, made so that the record shows as much as it can."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from dprdm.files import write_text
from dprdm.public.knowledge import NO_CAPTION, PublicKnowledge
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore, Shard
from dprdm.types import Embeddings, Query

DIM = 4
PER_BUNDLE = 40


@dataclass(frozen=True)
class Pair:
    """Two neighbouring private stores, and the query that the canary answers best."""

    present: PrivateStore
    absent: PrivateStore
    query: Query


MakePair: TypeAlias = Callable[[Path], Pair]


def worst_case(num_background: int, copies: int = 1, length: float = 1.0) -> MakePair:
    """Return a scenario whose canary is what the query wants; all else is its opposite.

    The canary displaces one of these from the k averaged, so the mean moves by 2 * clip_norm / k: the bound that is accounted.

    Args:
        num_background: records beside the canary. So many that a sample holds k of them: then nothing but the canary's
            own coin moves the mean, which is the case that the accountant reckons with.
        copies: rows that hold the canary. More than 1 is a broken store.
        length: of the canary's row. More than 1 is a broken store.
    """
    return around(np.tile(-_axis(), (num_background, 1)).astype(np.float32), copies, length)


def public_rows(folder: Path) -> PublicKnowledge:
    """Return public rows for mechanisms that learn from some: tight bundles between the axes, none on the canary's.

    So the canary lies far from every centroid and centre, and is clipped: what it adds is as long as is accounted.
    """
    first, others = np.eye(DIM)[0], np.eye(DIM)[1:]
    bundles = np.concatenate([first + others, others - first]) / 2**0.5
    angles = np.arange(PER_BUNDLE * len(bundles))[:, None] * np.array([0.618, 0.414, 0.732, 0.236])
    rows = np.repeat(bundles, PER_BUNDLE, axis=0) + 0.02 * np.sin(2 * np.pi * angles)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    none = np.full(len(rows), NO_CAPTION, np.int64)
    return PublicKnowledge(rows.astype(np.float32), rows[:0].astype(np.float32), none, "audit", folder)


def around(background: Embeddings, copies: int = 1, length: float = 1.0) -> MakePair:
    """Return a scenario with the canary among rows of your own, opposite to their mean.

    Take public rows: an audit is charged to no ledger.
    """
    mean = background.astype(np.float64).mean(axis=0)
    norm = np.linalg.norm(mean)
    query = -mean / norm if norm > 0 else np.eye(1, background.shape[1])[0]
    canary = np.tile((length * query).astype(np.float32), (copies, 1))

    def make(folder: Path) -> Pair:
        present = write_store(folder / "present", np.concatenate([background, canary]))
        return Pair(present, write_store(folder / "absent", background), query)

    return make


def write_store(path: Path, vectors: Embeddings) -> PrivateStore:
    """Write a private store of these rows as they are. `index` would refuse some of them: an audit must not rely on that."""
    path.mkdir(parents=True)
    file = path / "00000.vectors.npy"
    np.save(file, vectors)
    shard = Shard("00000", len(vectors), hashlib.sha256(file.read_bytes()).hexdigest())
    fingerprint = os.urandom(16).hex()
    manifest = Manifest("private", fingerprint, encoder={}, dim=vectors.shape[1], source={}, shards=(shard,))
    write_text(path / MANIFEST, manifest.to_json())
    return PrivateStore(path)


def _axis() -> Query:
    return np.asarray(np.eye(1, DIM)[0])
