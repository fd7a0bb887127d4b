"""Nested cells of the embedding space, learnt from public rows: which cell a private row lies in depends on it alone."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from dprdm.errors import UserError
from dprdm.retrieval.lattice import quantise
from dprdm.types import Embeddings

BLOCK = 8192
ITERATIONS = 12
# Public rows that a cell is learnt from, at least: fewer rows, fewer cells.
ROWS_PER_CELL = 4


@dataclass(frozen=True, eq=False)
class Level:
    """One resolution.

    Args:
        centroids: mean of each cell's public rows.
        parents: the cell of the level above that each cell lies in; zeros on the first level.
        shares: each cell's share of its parent's public rows.
    """

    centroids: Float[np.ndarray, "cell dim"]
    parents: Int[np.ndarray, "cell"]
    shares: Float[np.ndarray, "cell"]


@dataclass(frozen=True, eq=False)
class Partition:
    """Cells, cells within them, and how rows spread around the centroid of the finest.

    Args:
        levels: from the coarsest to the finest.
        covariance: of public rows less the centroid of their finest cell, pooled.
    """

    levels: tuple[Level, ...]
    covariance: Float[np.ndarray, "dim dim"]

    @property
    def num_cells(self) -> int:
        """Cells of all levels together."""
        return sum(len(level.centroids) for level in self.levels)

    def cells(self, rows: Embeddings) -> Int[np.ndarray, "row level"]:
        """Return the cell of each row at every level.

        The nearest centroid among the children of the cell above, by integer scores, ties by number: a function of the
        row and of public numbers, whatever rows stand beside it.

        Guarantee:
            - A row's cells are its own (tests/codebook/test_partition.py::test_a_rows_cells_depend_on_it_alone).
        """
        cells = np.zeros((len(rows), len(self.levels)), np.int64)
        for start in range(0, len(rows), BLOCK):
            block = slice(start, start + BLOCK)
            points, above = quantise(rows[block]), np.zeros(len(rows[block]), np.int64)
            for number, level in enumerate(self.levels):
                above = cells[block, number] = _descend(points, above, level)
        return cells

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the partition as plain named arrays, for a file."""
        named = {"covariance": self.covariance}
        for number, level in enumerate(self.levels):
            named |= {f"{name}.{number}": value for name, value in vars(level).items()}
        return named

    @classmethod
    def from_tensors(cls, named: Mapping[str, np.ndarray]) -> "Partition":
        """Restore a partition from what `tensors` gave. Raises UserError if something is missing."""
        try:
            count = sum(name.startswith("centroids.") for name in named)
            fields = ("centroids", "parents", "shares")
            levels = tuple(Level(*(named[f"{name}.{number}"] for name in fields)) for number in range(count))
            return cls(levels, named["covariance"])
        except KeyError as error:
            raise UserError(f"Expected a public partition, and its part {error} is missing.") from error

    def sha256(self) -> str:
        """Return the SHA-256 of its numbers: what a file is called or where it lies does not matter."""
        digest = hashlib.sha256()
        for name, value in sorted(self.tensors().items()):
            digest.update(name.encode() + b"\0" + np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()


def _descend(
    points: Float[np.ndarray, "row dim"], above: Int[np.ndarray, "row"], level: Level
) -> Int[np.ndarray, "row"]:
    """The nearest child of each point's cell above: argmax of <x, c> - |c|^2 / 2, in units of 2^-30."""
    centroids = quantise(level.centroids)
    halves = np.floor((centroids**2).sum(axis=1) / 2)
    cells = np.zeros(len(points), np.int64)
    for parent in np.unique(above):
        members, children = np.flatnonzero(above == parent), np.flatnonzero(level.parents == parent)
        scores = points[members] @ centroids[children].T - halves[children]
        cells[members] = children[scores.argmax(axis=1)]
    return cells


def learn_partition(rows: Embeddings, sizes: Sequence[int]) -> Partition:
    """Learn cells of public rows by k-means, and within each cell again, down to `sizes[-1]` cells in all.

    Deterministic: the first centroids are rows evenly spaced in the order of their own first principal component.

    Args:
        rows: public, unit norm.
        sizes: cells of each level, ascending; fewer are made where rows are few.
    """
    points = rows.astype(np.float64)
    levels: list[Level] = []
    above, num_above = np.zeros(len(points), np.int64), 1
    for size in sizes:
        level, above = _split(points, above, num_above, size)
        levels.append(level)
        num_above = len(level.centroids)
    residuals = points - levels[-1].centroids[above]
    return Partition(tuple(levels), residuals.T @ residuals / len(points))


def _split(
    points: Float[np.ndarray, "row dim"], above: Int[np.ndarray, "row"], num_above: int, size: int
) -> tuple[Level, Int[np.ndarray, "row"]]:
    """Split every cell into as many as its share of the rows asks for."""
    centroids, parents, shares = [], [], []
    cells, count = np.zeros(len(points), np.int64), 0
    for parent in range(num_above):
        members = np.flatnonzero(above == parent)
        wanted = round(size * len(members) / len(points))
        means, subcells = _kmeans(points[members], max(1, min(wanted, len(members) // ROWS_PER_CELL)))
        cells[members] = count + subcells
        count += len(means)
        centroids.append(means)
        parents += [parent] * len(means)
        shares.append(np.bincount(subcells, minlength=len(means)) / len(members))
    return Level(np.concatenate(centroids), np.array(parents), np.concatenate(shares)), cells


def _kmeans(
    points: Float[np.ndarray, "row dim"], count: int
) -> tuple[Float[np.ndarray, "cell dim"], Int[np.ndarray, "row"]]:
    """Run Lloyd's algorithm; leave out cells that lost their rows.

    Other implementations, such as scipy's, learn other cells: a codebook that was paid for with these would be released
    again.
    """
    order = np.argsort(points @ _principal(points), kind="stable")
    means = points[order[np.linspace(0, len(points) - 1, count).astype(np.int64)]]
    for _ in range(ITERATIONS):
        cells = _nearest(points, means)
        means = _means(points, cells, len(means))
    cells = _nearest(points, means)
    occupied, cells = np.unique(cells, return_inverse=True)
    return _means(points, cells, len(occupied)), cells


def _means(
    points: Float[np.ndarray, "row dim"], cells: Int[np.ndarray, "row"], count: int
) -> Float[np.ndarray, "cell dim"]:
    occupied = np.unique(cells)
    order = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[order], occupied)
    sums = np.add.reduceat(points[order], starts, axis=0)
    means = np.full((count, points.shape[1]), np.inf)  # a cell without rows is nearest to nothing
    means[occupied] = sums / np.bincount(cells)[occupied][:, None]
    return means


def _nearest(points: Float[np.ndarray, "row dim"], means: Float[np.ndarray, "cell dim"]) -> Int[np.ndarray, "row"]:
    occupied = np.flatnonzero(np.isfinite(means[:, 0]))
    halves = (means[occupied] ** 2).sum(axis=1) / 2
    blocks = (points[start : start + BLOCK] for start in range(0, len(points), BLOCK))
    return np.concatenate([occupied[(block @ means[occupied].T - halves).argmax(axis=1)] for block in blocks])


def _principal(points: Float[np.ndarray, "row dim"]) -> Float[np.ndarray, "dim"]:
    centred = points - points.mean(axis=0)
    return np.asarray(np.linalg.eigh(centred.T @ centred)[1][:, -1])
