"""Near-duplicates in a store: what its owner should know before the first release. Private, and for the owner alone.

Two copies of one picture are two units: each is protected by itself, the person in them by half as much.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from dprdm.retrieval.store import Store
from dprdm.types import RowIds

THRESHOLD = 0.995
# Up to this many rows, all are compared with all; of larger stores, a sample with all.
COMPARE_ALL = 200_000
BLOCK = 2048
PAIRS = 5


@dataclass(frozen=True)
class Duplicates:
    """Rows that are nearly the same: never stored, and printed only where the data lie.

    Args:
        compared: rows compared with all others, evenly spaced where they are fewer than `rows`.
        with_copy: how many of those have another row, of another unit, with a cosine above the threshold.
        pairs: a few such pairs, as row ids.
    """

    rows: int
    compared: int
    with_copy: int
    pairs: tuple[tuple[int, int], ...]


def near_duplicates(store: Store, threshold: float = THRESHOLD, compare_all: int = COMPARE_ALL) -> Duplicates:
    """Look for rows of different units that are nearly the same, by exact inner products in blocks.

    All pairs of stores of up to `compare_all` rows; of larger ones, as many pairs, of an even sample with all rows.

    Guarantee:
        - Nothing is written (tests/retrieval/test_duplicates.py::test_nothing_is_written).
    """
    units = _units(store)
    searched = np.flatnonzero(units >= 0)
    compared = _even_sample(searched, compare_all)
    copied: list[Bool[np.ndarray, ...]] = []
    pairs: set[tuple[int, int]] = set()
    for block in _blocks(compared):
        has_copy, near = _compare(store, block, searched, units, threshold)
        copied.append(has_copy)
        pairs |= {(min(pair), max(pair)) for pair in near}
    with_copy = int(np.concatenate([np.zeros(0, bool), *copied]).sum())
    return Duplicates(len(searched), len(compared), with_copy, tuple(sorted(pairs)[:PAIRS]))


def describe_duplicates(store: Store) -> str:
    """Say which images look almost the same, for the eyes of the data's owner: nothing of it is stored. Empty if none do."""
    duplicates = near_duplicates(store)
    if not duplicates.with_copy:
        return ""
    sample = "" if duplicates.compared == duplicates.rows else f" of {duplicates.compared} sampled"
    lines = [
        f"{duplicates.with_copy}{sample} images look almost the same as another one (cosine above {THRESHOLD}). Someone may be "
        "there twice, and is then protected half as well: name persons with --group_column, or remove copies.",
        *(f"  {' and '.join(keys_of(store, pair))}" for pair in duplicates.pairs),
        "This list is private. It is shown here and kept nowhere.",
    ]
    return "\n".join(lines) + "\n"


def keys_of(store: Store, rows: Sequence[int]) -> list[str]:
    """Return what the images of these rows are called."""
    keys: list[str] = []
    for shard in store.manifest.shards:
        lines = (store.path / f"{shard.name}.keys.jsonl").read_text("utf-8").split("\n")[:-1]
        keys += [json.loads(line) for line in lines]
    return [keys[row] for row in rows]


def _compare(
    store: Store, block: RowIds, searched: Int[np.ndarray, "searched"], units: Int[np.ndarray, "all"], threshold: float
) -> tuple[Bool[np.ndarray, "row"], list[tuple[int, int]]]:
    """Which rows of a block have a copy, and pairs of a row with its first copy."""
    vectors, copied = store.vectors(block), np.zeros(len(block), bool)
    pairs: list[tuple[int, int]] = []
    for others in _blocks(searched):
        near = _cosines(vectors, store.vectors(others)) > threshold
        if not near.any():
            continue
        near &= units[block][:, None] != units[others][None, :]
        new = np.flatnonzero(near.any(axis=1) & ~copied)
        pairs += [(int(block[row]), int(others[near[row].argmax()])) for row in new[:PAIRS]]
        copied |= near.any(axis=1)
    return copied, pairs


def _cosines(
    vectors: Float[np.ndarray, "row dim"], others: Float[np.ndarray, "other dim"]
) -> Float[np.ndarray, "row other"]:
    cosines: Float[np.ndarray, "row other"] = vectors @ others.T
    return cosines


def _units(store: Store) -> Int[np.ndarray, "all"]:
    """Return the unit of each row; -1 for rows of nobody, which stores of version 0.4 hold."""
    if store.num_units == len(store):
        return np.arange(len(store))
    units = np.full(len(store), -1, np.int64)
    for unit in range(store.num_units):
        units[store.rows_of(np.array([unit]))] = unit
    return units


def _even_sample(rows: RowIds, compare_all: int) -> Int[np.ndarray, "sample"]:
    if len(rows) <= compare_all:
        return rows
    count = max(1, compare_all**2 // len(rows))
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]


def _blocks(rows: Int[np.ndarray, "row"]) -> Iterator[Int[np.ndarray, "block"]]:
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]
