"""The one pass over private rows: sums of clipped residuals, and counts, of every cell at every level."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from dprdm.codebook.partition import Level, Partition
from dprdm.errors import StoreError
from dprdm.guarantee.sampled_mean import clip
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings

BLOCK = 16_384
# Residuals are cut to this grid, towards zero: sums are then integers, exact in any order up to 2^23 rows a cell.
GRID = 2.0**-20
# Level weights are multiples of this, so that scaled sums are exact as well.
WEIGHT_GRID = 2.0**-10


@dataclass(frozen=True)
class Weighting:
    """How one private row enters the release: at level l with weights[l] * (residual, count_weight).

    Args:
        clip_norm: residuals from the centroid are scaled down to this length.
        count_weight: of one row in its cell's count, in the units of a residual.
        weights: of the levels.
    """

    clip_norm: float
    count_weight: float
    weights: tuple[float, ...]

    @property
    def row_norm(self) -> float:
        """Largest L2 norm of what one row adds: one cell of each level gets a residual and a count.

        sqrt(sum_l weights[l]^2 * (clip_norm^2 + count_weight^2)), and a part in 10^5 on top, more than the float64
        rounding of sums over 10^9 rows.
        """
        squares = sum(weight**2 for weight in self.weights) * (self.clip_norm**2 + self.count_weight**2)
        return float(squares**0.5) * (1 + 1e-5)


def split_weighting(clip_norm: float, count_weight: float, levels: int, fine_share: float) -> Weighting:
    """Return the weighting whose finest level has this share of the squared weight, and the coarser ones the rest, evenly.

    Of a single level the share is taken to be 1.
    """
    if levels == 1:
        return Weighting(clip_norm, count_weight, (1.0,))
    coarse = [on_grid(((1 - fine_share) / (levels - 1)) ** 0.5)] * (levels - 1)
    return Weighting(clip_norm, count_weight, (*coarse, on_grid(fine_share**0.5)))


def on_grid(weight: float) -> float:
    """Return the multiple of `WEIGHT_GRID` below, at least one step."""
    return max(1, int(weight / WEIGHT_GRID)) * WEIGHT_GRID


def cell_sums(store: Store, partition: Partition, weighting: Weighting) -> Float[np.ndarray, "cell column"]:
    """Return weighted sums over all units of a store: residuals in the first dim columns, counts in the last. PRIVATE.

    The cells of all levels stand one below another.

    Raises:
        StoreError: for a number that is not finite.
    Guarantee:
        - Adding or removing one row moves the whole by at most `Weighting.row_norm`
          (tests/codebook/test_sums.py::test_one_row_moves_the_sums_by_its_norm_at_most).
    """
    total = np.zeros((partition.num_cells, store.dim + 1))
    rows = store.rows_of(np.arange(store.num_units))
    for start in range(0, len(rows), BLOCK):
        vectors = store.vectors(rows[start : start + BLOCK])
        if not np.isfinite(vectors).all():
            raise StoreError("Expected finite vectors in the store; it was damaged after it was indexed. Index again.")
        total += row_sums(vectors, partition, weighting)
    return total


def row_sums(rows: Embeddings, partition: Partition, weighting: Weighting) -> Float[np.ndarray, "cell column"]:
    """Return the same sums over rows at hand."""
    vectors, cells = rows.astype(np.float64), partition.cells(rows)
    parts = [
        weight * _level_sums(vectors, cells[:, number], level, weighting)
        for number, (level, weight) in enumerate(zip(partition.levels, weighting.weights, strict=True))
    ]
    return np.concatenate(parts)


def _level_sums(
    vectors: Float[np.ndarray, "row dim"], cells: Int[np.ndarray, "row"], level: Level, weighting: Weighting
) -> Float[np.ndarray, "cell column"]:
    residuals = clip_to_grid(vectors - level.centroids[cells], weighting.clip_norm)
    counted = np.column_stack([residuals, np.full(len(cells), weighting.count_weight)])
    shape = (len(level.centroids), len(cells))
    members = sparse.csr_matrix((np.ones(len(cells)), (cells, np.arange(len(cells)))), shape=shape)
    return np.asarray(members @ counted)


def clip_to_grid(residuals: Float[np.ndarray, "row dim"], clip_norm: float) -> Float[np.ndarray, "row dim"]:
    """Scale rows down to a length of at most `clip_norm`, and cut them to the grid towards zero, which shortens them."""
    return np.trunc(clip(residuals, clip_norm) / GRID) * GRID
