"""LiRA: is what is seen likelier with the candidate in the store, or without it? Shadow stores tell, for each candidate.

For each candidate the statistic is normal in the shadow stores that hold it, and another normal in those that do not. The
score of a trial is the logarithm of the ratio of the two densities, fitted on all other trials.

Source: Carlini et al. 2022 (arXiv 2112.03570), algorithm 1; the shared variance is theirs too, for few shadow stores.
"""

import numpy as np
from jaxtyping import Bool, Float

from dprdm import check

# Shadow stores of each kind, on average, from which a variance of each candidate's own is trusted.
OWN_VARIANCE = 16
# In units of the statistic, a cosine: below it lies rounding, and a statistic that never varies would be divided by zero.
LEAST_STD = 1e-4

Statistics = Float[np.ndarray, "trial candidate"]
Members = Bool[np.ndarray, "trial candidate"]


def likelihood_ratios(statistics: Statistics, is_member: Members) -> Statistics:
    """Return log p(statistic | in) - log p(statistic | out), each trial scored by normals fitted on the other trials alone.

    A candidate that was in, or out, in none of the other trials scores 0: nothing is known of it.

    Args:
        statistics: one number a trial and candidate, larger where the candidate shows.
        is_member: drawn for each trial by itself, so that the other trials say nothing of this one.
    """
    check.at_least(3, trials=len(statistics))
    has_own_variance = len(statistics) // 2 >= OWN_VARIANCE
    inside, outside = (_log_density(statistics, chosen, has_own_variance) for chosen in (is_member, ~is_member))
    is_comparable = _others(is_member.astype(float)) * _others((~is_member).astype(float)) > 0
    return np.where(is_comparable, inside - outside, 0.0)


def _log_density(statistics: Statistics, chosen: Members, has_own_variance: bool) -> Statistics:
    """Under the normal of the chosen trials other than the trial itself."""
    weights = chosen.astype(np.float64)
    # Around the candidate's mean, so that squares lose no digits.
    centred = statistics - statistics.mean(axis=0)
    count = _others(weights)
    mean = _others(weights * centred) / np.maximum(count, 1)
    spread = np.maximum(_others(weights * centred**2) - count * mean**2, 0)
    freedom = np.maximum(count - 1, 0)
    if not has_own_variance:
        spread, freedom = (part.sum(axis=1, keepdims=True) for part in (spread, freedom))
    # Where one trial is all there is, the variance is that of the candidates together.
    shared = spread.sum(axis=1, keepdims=True) / np.maximum(freedom.sum(axis=1, keepdims=True), 1)
    variance = np.where(freedom > 0, spread / np.maximum(freedom, 1), shared)
    variance = np.maximum(variance, LEAST_STD**2)
    return np.asarray(-((centred - mean) ** 2) / (2 * variance) - np.log(variance) / 2)


def _others(values: Statistics) -> Statistics:
    """The sum over all trials but each itself."""
    return np.asarray(values.sum(axis=0) - values)
