"""From means of wide neighbourhoods to means of narrow ones, with public rows as the control variate.

Noise makes a mechanism average over many neighbours of a query: k of a sample reach over k / sampling_rate rows of the
collection. What is wanted is the mean of the nearest few. Widening moves a private neighbourhood and a public one much
alike, and how far it moves the public one can be looked up: so much is taken back from what was released. Queries,
releases and public rows are all it needs: post-processing.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dprdm.public.knowledge import evenly
from dprdm.public.prior import PublicPrior
from dprdm.public.repeats import Averaged, average_repeats
from dprdm.types import Queries, Released

# Prompts that the width is found on.
PROMPTS = 256
# Parts of the way from the narrow public mean to the wide one that are tried: what is clipped goes less than all of it.
PARTS = (0.25, 0.5, 0.75, 1.0)
# Distances between private and public means that are tried, in units of the prior's variance.
DISTANCES = tuple(4.0**power for power in range(-6, 2))
TINY = 1e-30


class Width(NamedTuple):
    """How wide means are: where public rows' would lie, `part` of the way to the mean of the `rows` nearest ones."""

    rows: int
    part: float


def narrowed(
    queries: Queries, vectors: Released, noise: Float[np.ndarray, "query"], prior: PublicPrior, neighbours: int
) -> Released:
    """Narrow releases to what they might have been of the mean of the `neighbours` nearest rows.

    r - part * (c_m(u) - c_n(u)),  with c_m(u) the mean of the m public rows nearest to u, n neighbours.

    Width m and part are those under which the releases are most likely; without evidence of a greater width, vectors are
    returned as they are.

    Args:
        queries: one a vector; equal ones are one prompt.
        noise: variance in each vector, per coordinate.
        neighbours: public rows whose mean is as wide as is wanted.

    Source: Owen, Monte Carlo theory, methods and examples, section 8.9 (control variates).
    """
    averaged = average_repeats(queries, vectors, np.maximum(noise, TINY))
    width = find_width(averaged, prior, neighbours)
    if width.rows == neighbours:
        return vectors
    widened = prior.centre(averaged.queries, width.rows) - prior.centre(averaged.queries, neighbours)
    return np.asarray(vectors - width.part * widened[averaged.of])


def find_width(averaged: Averaged, prior: PublicPrior, neighbours: int) -> Width:
    """Return the width under which the vectors are most likely, r ~ N(c, v S + noise) for the v that suits it best.

    A greater width than `neighbours` has two more numbers to suit the vectors with, and pays for them (Schwarz's
    criterion).
    """
    prompts = evenly(len(averaged.queries), PROMPTS)
    queries, noise = averaged.queries[prompts], averaged.noise[prompts]
    narrow = prior.centre(queries, neighbours)
    residuals = averaged.means[prompts] - narrow
    best = Width(neighbours, 1.0)
    most = _log_likelihood(residuals, noise, prior) + np.log(residuals.size)
    for rows in _widths(neighbours, len(prior.rows)):
        widened = prior.centre(queries, rows) - narrow
        for part in PARTS:
            likelihood = _log_likelihood(residuals - part * widened, noise, prior)
            if likelihood > most:
                best, most = Width(rows, part), likelihood
    return best


def _widths(neighbours: int, count: int) -> list[int]:
    """Twice as many neighbours, four times as many, and so on, up to all rows."""
    return [neighbours * 2**power for power in range(1, 64) if neighbours * 2**power <= count]


def _log_likelihood(
    residuals: Float[np.ndarray, "query dim"], noise: Float[np.ndarray, "query"], prior: PublicPrior
) -> float:
    """Of residuals ~ N(0, v S + noise), at the most likely v, less what does not depend on the residuals."""
    squares = (residuals @ prior.basis) ** 2
    likelihoods = []
    for distance in DISTANCES:
        variances = distance * prior.variances + noise[:, None]
        likelihoods.append(-0.5 * float((np.log(variances) + squares / variances).sum()))
    return max(likelihoods)
