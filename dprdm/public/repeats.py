"""Releases for one prompt, put together: the same query asked more than once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from dprdm.types import Queries, Released


@dataclass(frozen=True, eq=False)
class Averaged:
    """One vector per distinct query.

    Args:
        queries: the distinct ones, float64.
        of: for each release, the position of its query among them.
        means: of each query's releases, weighted by the inverse of their noise.
        noise: variance of what is left of it in the means, per coordinate.
    """

    queries: Queries
    of: Int[np.ndarray, "release"]
    means: Float[np.ndarray, "query dim"]
    noise: Float[np.ndarray, "query"]


def average_repeats(queries: Queries, vectors: Released, noise: Float[np.ndarray, "release"]) -> Averaged:
    """Return the mean of all releases for each query.

    Args:
        queries: of each release.
        vectors: what was released.
        noise: its variance, per coordinate; above zero.
    """
    distinct, of = np.unique(queries.astype(np.float64), axis=0, return_inverse=True)
    of = of.reshape(-1)
    weights = np.bincount(of, 1 / noise, minlength=len(distinct))
    sums = np.zeros((len(distinct), vectors.shape[1]))
    np.add.at(sums, of, vectors / noise[:, None])
    return Averaged(distinct, of, sums / weights[:, None], 1 / weights)
