"""From noisy sums to a mixture: counts and means, each shrunk to what the level above and the public rows suggest.

Post-processing. On each level, from the coarsest down: a cell's count is expected to be its parent's count times its
public share, its mean shift to be its parent's. How far cells depart from that is estimated from the release itself
(empirical Bayes): where the noise is larger than that, the expectation stands; where it is smaller, the release.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from dprdm.codebook.partition import Level, Partition
from dprdm.codebook.sums import Weighting

TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Mixture:
    """A private collection as a mixture of Gaussians over the finest cells.

    Args:
        counts: estimated rows of each component, none negative.
        means: estimated mean of each component.
        errors: expected mean square error of the means, per coordinate.
        covariance: of rows within a component; a public one.
    """

    counts: Float[np.ndarray, "cell"]
    means: Float[np.ndarray, "cell dim"]
    errors: Float[np.ndarray, "cell"]
    covariance: Float[np.ndarray, "dim dim"]


@dataclass(frozen=True, eq=False)
class _Estimates:
    """Of one level's cells: counts, mean shifts from the centroid in the basis of the covariance, and their errors."""

    counts: Float[np.ndarray, "cell"]
    shifts: Float[np.ndarray, "cell dim"]
    errors: Float[np.ndarray, "cell"]


def estimate(
    released: Float[np.ndarray, "cell column"], partition: Partition, weighting: Weighting, noise_std: float
) -> Mixture:
    """Estimate the mixture that a noisy release of `cell_sums` points to.

    Args:
        noise_std: of the noise in `released`; 0 for none.
    """
    variances, basis = np.linalg.eigh(partition.covariance)
    variances = np.maximum(variances, TINY)
    coarser, above, start = None, np.zeros((1, len(basis))), 0
    for level, weight in zip(partition.levels, weighting.weights, strict=True):
        part = released[start : start + len(level.centroids)] / weight
        sums, rows = part[:, :-1] @ basis, part[:, -1] / weighting.count_weight
        places, noise = level.centroids @ basis, noise_std / weight
        if coarser is None:
            coarser = _root(sums, rows, noise)
            shared = coarser.shifts
        else:
            shared = None
        counts = _counts(rows, noise / weighting.count_weight, coarser, level)
        if shared is None:
            shared = _common_shifts(coarser, counts, places - above[level.parents], level)
        coarser, above = _shifts(sums, noise, counts, shared[level.parents], variances), places
        start += len(level.centroids)
    assert coarser is not None
    means = partition.levels[-1].centroids + coarser.shifts @ basis.T
    return Mixture(coarser.counts, means, coarser.errors, partition.covariance)


def _root(sums: Float[np.ndarray, "cell dim"], rows: Float[np.ndarray, "cell"], noise: float) -> _Estimates:
    """All rows as one cell: their count, and the shift that all cells of the first level have in common.

    The shift is shrunk to none by as much as the noise may have made of it (James, Stein 1961, positive part).
    """
    count = max(1.0, float(rows.sum()))
    shift = sums.sum(axis=0) / count
    chance = len(shift) * len(sums) * (noise / count) ** 2
    return _Estimates(
        np.array([count]), (max(0.0, 1 - chance / max(float(shift @ shift), TINY)) * shift)[None], np.zeros(1)
    )


def _common_shifts(
    above: _Estimates, counts: Float[np.ndarray, "cell"], offsets: Float[np.ndarray, "cell dim"], level: Level
) -> Float[np.ndarray, "parent dim"]:
    """What of a parent's shift its children share: the rest comes of how its rows are divided among them."""
    shares = counts / np.maximum(above.counts[level.parents], TINY)
    divided = np.zeros((len(above.counts), offsets.shape[1]))
    np.add.at(divided, level.parents, shares[:, None] * offsets)
    return above.shifts - divided


def _counts(
    rows: Float[np.ndarray, "cell"], noise: float, above: _Estimates, level: Level
) -> Float[np.ndarray, "cell"]:
    """Counts n ~ N(p, (v p)^2) of expected size p, seen with this noise; v is estimated. Children add up to their parent."""
    expected = above.counts[level.parents] * level.shares
    squares = float((expected**2).sum())
    spread = max(0.0, float(((rows - expected) ** 2 - noise**2).sum())) / max(squares, TINY)
    prior = spread * expected**2
    counts = np.maximum(0.0, expected + prior / np.maximum(prior + noise**2, TINY) * (rows - expected))
    totals = np.bincount(level.parents, counts, minlength=len(above.counts))
    return np.asarray(counts * (above.counts / np.maximum(totals, TINY))[level.parents])


def _shifts(
    sums: Float[np.ndarray, "cell dim"],
    noise: float,
    counts: Float[np.ndarray, "cell"],
    expected: Float[np.ndarray, "cell dim"],
    variances: Float[np.ndarray, "dim"],
) -> _Estimates:
    """Mean shifts r ~ N(expected, (v + 1 / count) * variances), seen as count * r with this noise; v is estimated.

    The mean of a few rows strays from what their cell would have on average: that is the 1 / count.
    """
    residuals = sums - counts[:, None] * expected
    straying = counts.sum() * variances.sum()
    excess = (residuals**2 - noise**2).sum() - straying
    spread = max(0.0, float(excess)) / max(float((counts**2).sum() * variances.sum()), TINY)
    prior = (spread + 1 / np.maximum(counts, 1))[:, None] * variances
    gain = prior * counts[:, None] / (prior * counts[:, None] ** 2 + max(noise, TINY) ** 2)
    shifts = expected + gain * residuals
    errors = (prior * np.maximum(0.0, 1 - gain * counts[:, None])).mean(axis=1)
    return _Estimates(counts, shifts, errors)
