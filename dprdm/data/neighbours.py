"""Which public images are nearest to each public image, the image itself left out."""

from pathlib import Path

import numpy as np

from dprdm.errors import UserError
from dprdm.files import write_whole
from dprdm.retrieval.store import PublicStore

BLOCK = 1024


def nearest_rows(store: PublicStore, count: int) -> np.ndarray:
    """For every row, the `count` other rows with the largest inner product, best first: (row, count) int32.

    Copies of an image are neighbours at distance zero and would teach the network to copy: rows equal to the row itself
    are left out with it, and come last where nothing else is left.
    """
    rows = store.vectors(np.arange(len(store)))
    if count >= len(rows):
        raise UserError(f"Expected fewer neighbours than images; asked for {count} of {len(rows) - 1} others.")
    table = np.empty((len(rows), count), np.int32)
    for start in range(0, len(rows), BLOCK):
        table[start : start + BLOCK] = _nearest_of_block(rows, start, count)
    return table


def neighbour_table(store: PublicStore, count: int) -> np.ndarray:
    """The same, computed once and kept beside the store, read through a memory map."""
    path = store.path / f"neighbours-{count}.npy"
    if not path.exists():
        table = nearest_rows(store, count)
        write_whole(path, lambda file: _save(file, table))
    return np.load(path, mmap_mode="r")


def _nearest_of_block(rows: np.ndarray, start: int, count: int) -> np.ndarray:
    block = rows[start : start + BLOCK]
    scores = block @ rows.T
    is_copy = scores > 1 - 1e-6
    is_copy[np.arange(len(block)), start + np.arange(len(block))] = True
    scores[is_copy] = -2
    top = np.argpartition(-scores, count, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
    return np.take_along_axis(top, order, 1)


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.save(stream, array)
