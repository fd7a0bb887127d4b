"""From a mixture to answers: the mean of the share of it that is nearest to a query. Post-processing, for any number.

Of rows x ~ sum_c p_c N(mean_c, W), those with <x, u> at or above a threshold t: component c has the part
p_c * sf((t - <mean_c, u>) / s) of them, s^2 = u' W u, and their mean is mean_c + W u / s * hazard. The threshold is the
one that leaves the share asked for. It is what a top-k search among the private rows would average, without the rows.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_ndtr, ndtr

from dprdm.codebook.estimate import Mixture
from dprdm.types import Answered, Queries

BISECTIONS = 40
BLOCK = 256
GOLDEN = (5**0.5 - 1) / 2
TINY = 1e-300


def answer(
    mixture: Mixture, queries: Queries, replicates: Int[np.ndarray, "query"], share: float, draws: int
) -> Answered:
    """Return the mean of the nearest `share` of the mixture's rows, for each query.

    Args:
        replicates: number of each query among equal ones: with `draws` above 0, each stands for other components.
        share: part of the rows that is averaged, in (0, 1].
        draws: components averaged, spread evenly over those that the share touches, in proportion to their part of it.
            0: all of them, so that equal queries get equal answers.
    """
    parts = [slice(start, start + BLOCK) for start in range(0, len(queries), BLOCK)]
    answers = [_answer(mixture, queries[part], replicates[part], share, draws) for part in parts]
    vectors = np.concatenate([np.zeros((0, mixture.means.shape[1])), *(vectors for vectors, _ in answers)])
    return Answered(vectors, np.concatenate([np.zeros(0), *(errors for _, errors in answers)]))


def _answer(
    mixture: Mixture, queries: Queries, replicates: Int[np.ndarray, "query"], share: float, draws: int
) -> tuple[Float[np.ndarray, "query dim"], Float[np.ndarray, "query"]]:
    queries64 = queries.astype(np.float64)
    directions = queries64 @ mixture.covariance
    widths = np.sqrt(np.maximum((directions * queries64).sum(axis=1), TINY))
    thresholds = _thresholds(queries64 @ mixture.means.T, widths, mixture.counts, share)
    parts = mixture.counts * ndtr(-thresholds)
    parts /= np.maximum(parts.sum(axis=1, keepdims=True), TINY)
    if draws:
        parts = _drawn(parts, replicates, draws)
    hazards = np.exp(-0.5 * thresholds**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-thresholds))
    tilts = (parts * hazards).sum(axis=1) / widths
    return parts @ mixture.means + tilts[:, None] * directions, np.sqrt((parts**2) @ mixture.errors)


def _thresholds(
    scores: Float[np.ndarray, "query cell"],
    widths: Float[np.ndarray, "query"],
    counts: Float[np.ndarray, "cell"],
    share: float,
) -> Float[np.ndarray, "query cell"]:
    """(t - score) / width for every component, with t such that `share` of the rows score above it; by bisection."""
    wanted = share * counts.sum()
    low, high = scores.min(axis=1) - 10 * widths, scores.max(axis=1) + 10 * widths
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = ndtr((scores - middle[:, None]) / widths[:, None]) @ counts
        low, high = np.where(above > wanted, middle, low), np.where(above > wanted, high, middle)
    return np.asarray(((low + high)[:, None] / 2 - scores) / widths[:, None])


def _drawn(
    parts: Float[np.ndarray, "query cell"], replicates: Int[np.ndarray, "query"], draws: int
) -> Float[np.ndarray, "query cell"]:
    """Each row's mass on `draws` components: the quantiles of a golden-ratio sequence, a new one for each replicate."""
    numbers = replicates[:, None] * draws + np.arange(draws)
    quantiles = (0.5 + numbers * GOLDEN) % 1
    drawn = np.zeros_like(parts)
    for row, points in enumerate(quantiles):
        components = np.searchsorted(np.cumsum(parts[row]), points * parts[row].sum())
        np.add.at(drawn[row], np.minimum(components, parts.shape[1] - 1), 1 / draws)
    return drawn
