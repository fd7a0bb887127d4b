"""Which public images are nearest to each public image, itself and its copies left out: a table beside the store.

store/neighbours-800.npy     (row, 800) int32, best first; read through a memory map
store/neighbours-800.json    of which store, by what, whether exact; written last: without it there is no table
store/neighbours-800.parts/  blocks of a table in the making, each whole or absent
"""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from dprdm.data.recall import recall
from dprdm.data.searchers import Candidates, NumpySearcher, Searcher
from dprdm.data.shards import Progress
from dprdm.errors import StoreError, UserError
from dprdm.files import alone, read_json, write_text, write_whole
from dprdm.retrieval.store import PublicStore
from dprdm.types import RowIds

BLOCK = 4096
# Copies of an image are neighbours at distance zero and would teach the network to copy.
COPY = 1 - 1e-6
# From here on, a float32 score is not enough to tell a copy.
NEARLY = 1 - 1e-4
# Candidates beyond the neighbours asked for: the image itself and a few copies.
MARGIN = 9
FORMAT = 1


@dataclass(frozen=True)
class TableManifest:
    """What a table is.

    Args:
        store: fingerprint of the store whose rows it names.
        rows: how many those are.
        k: neighbours a row.
        method: what searched, its version and device.
        is_exact: whether all rows were searched.
        recall: share of the true neighbours that were found, on a sample of rows; 1 for an exact search.
        copies_above: rows with a larger inner product were taken for copies and left out.
    """

    store: str
    rows: int
    k: int
    method: str
    is_exact: bool
    recall: float = 1.0
    copies_above: float = COPY
    format: int = FORMAT


class NoProgress:
    """Is told of progress."""

    def update(self, n: int, /) -> None:
        """Do nothing."""


def neighbour_table(store: PublicStore, count: int) -> np.ndarray:
    """Return the `count` neighbours of every row (row, count), best first: from a table that fits, else made with numpy."""
    if (manifest := find_table(store, count)) is None:
        build_table(store, count, NumpySearcher(store), NoProgress())
        manifest = find_table(store, count)
        assert manifest is not None
    table: np.ndarray = np.load(table_path(store, manifest.k), mmap_mode="r")[:, :count]
    return table


def find_table(store: PublicStore, count: int) -> TableManifest | None:
    """Return the smallest finished table of this store with at least `count` neighbours; None if there is none."""
    manifests = [TableManifest(**read_json(path, StoreError)) for path in store.path.glob("neighbours-*.json")]
    fitting = [
        manifest
        for manifest in manifests
        if (manifest.store, manifest.rows, manifest.format) == (store.fingerprint, len(store), FORMAT)
        and manifest.k >= count
        and table_path(store, manifest.k).is_file()
    ]
    return min(fitting, key=lambda manifest: manifest.k, default=None)


def table_path(store: PublicStore, count: int) -> Path:
    """Return where the table of `count` neighbours is."""
    return store.path / f"neighbours-{count}.npy"


def build_table(store: PublicStore, count: int, searcher: Searcher, progress: Progress) -> TableManifest:
    """Write the table of `count` neighbours, going on from the blocks of one that was interrupted.

    A process that finds another one at it waits, and takes what that one made.

    Raises:
        UserError: if there are not that many other rows.
    """
    if count >= len(store):
        raise UserError(f"Expected fewer neighbours than images; asked for {count} of {len(store) - 1} others.")
    with alone(table_path(store, count).with_suffix(".lock")):
        earlier = find_table(store, count)
        is_made = earlier is not None and (earlier.k, earlier.method) == (count, searcher.description)
        return earlier if earlier is not None and is_made else _build(store, count, searcher, progress)


def _build(store: PublicStore, count: int, searcher: Searcher, progress: Progress) -> TableManifest:
    manifest = TableManifest(store.fingerprint, len(store), count, searcher.description, searcher.is_exact)
    parts = _begin(table_path(store, count).with_suffix(".parts"), manifest)
    blocks = [np.arange(start, min(start + BLOCK, len(store))) for start in range(0, len(store), BLOCK)]
    files = [parts / f"{block[0]:012d}.npy" for block in blocks]
    for block, file in zip(blocks, files, strict=True):
        if not file.is_file():
            nearest = nearest_rows(store, block, count, searcher)
            write_whole(file, lambda tmp_path, nearest=nearest: _save(tmp_path, nearest))  # type: ignore[misc]
        progress.update(len(block))
    write_whole(table_path(store, count), lambda tmp_path: _join(tmp_path, files, (len(store), count)))
    if not manifest.is_exact:
        manifest = replace(manifest, recall=recall(store, np.load(table_path(store, count), mmap_mode="r"), COPY))
    write_text(table_path(store, count).with_suffix(".json"), json.dumps(asdict(manifest), indent=2))
    shutil.rmtree(parts)
    return manifest


def nearest_rows(store: PublicStore, rows: RowIds, count: int, searcher: Searcher) -> Candidates:
    """Return, for each of `rows`, the `count` other rows with the largest inner product, best first, int32.

    Rows equal to the row itself are left out with it, and come last where nothing else is left.
    """
    table = np.empty((len(rows), count), np.int32)
    lacking, width = np.arange(len(rows)), min(count + MARGIN, searcher.most)
    while len(lacking):
        candidates = searcher.search(store.vectors(rows[lacking]), width)
        ranked, others = _without_copies(store, rows[lacking], *candidates)
        done = (others >= count) | ((width >= len(store)) & searcher.is_exact)
        table[lacking[done]] = ranked[done][:, :count]
        lacking = lacking[~done]
        if width >= searcher.most and len(lacking):
            searcher = NumpySearcher(store)  # more copies, or emptier lists, than this one can look past
        width = min(4 * width, searcher.most)
    return table


def _without_copies(
    store: PublicStore, rows: np.ndarray, scores: np.ndarray, candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The found rows with others first, then copies, then the row itself and gaps; and how many others there are."""
    rank = np.where(candidates < 0, 2, 0)
    for query, position in np.argwhere((scores > NEARLY) & (candidates >= 0)):
        pair = store.vectors(np.array([rows[query], candidates[query, position]])).astype(np.float64)
        rank[query, position] = 1 if pair[0] @ pair[1] > COPY else 0
    rank[candidates == rows[:, None]] = 2
    order = np.argsort(rank, axis=1, kind="stable")
    return np.take_along_axis(candidates, order, 1), (rank == 0).sum(1)


def _begin(parts: Path, manifest: TableManifest) -> Path:
    """The folder of blocks; what was begun with another store or another method is thrown away."""
    begun = parts / "begun.json"
    if parts.is_dir() and not (begun.is_file() and read_json(begun, StoreError) == asdict(manifest)):
        shutil.rmtree(parts)
    if not begun.is_file():
        write_text(begun, json.dumps(asdict(manifest)))
    return parts


def _join(path: Path, files: list[Path], shape: tuple[int, int]) -> None:
    with path.open("wb") as stream:
        np.lib.format.write_array_header_2_0(stream, {"descr": "<i4", "fortran_order": False, "shape": shape})
        for file in files:
            stream.write(np.load(file).astype("<i4").tobytes())


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.save(stream, array)
