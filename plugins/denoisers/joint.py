"""All vectors together: what several releases have in common is known better than any of them."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float, Int

from dprdm import check
from dprdm.public.denoiser import Denoiser
from dprdm.public.narrowing import DISTANCES, TINY, narrowed
from dprdm.public.prior import PublicPrior, posterior
from dprdm.public.repeats import average_repeats
from dprdm.types import Answered, Queries

# Queries that are denoised together at most: the work grows with the cube.
MOST_TOGETHER = 1500
# How much of the distance between private and public means is tried to be common to all queries, and how quickly the
# rest is tried to change from query to query, in units of the mean distance between queries.
COMMON = (0.0, 0.3, 0.7, 0.95)
LENGTHS = (0.1, 0.5, 2.0)


@final
@dataclass(frozen=True)
class Joint(Denoiser):
    """Posterior mean under a Gaussian process over queries, around their public centres.

    Means of wide neighbourhoods are brought to the width of the centre's first (`dprdm.public.narrowing`). Then

    m(u) = c(u) + f(u),  cov(f(u), f(u')) = v (a + (1 - a) exp(-|u - u'|^2 / 2 l^2)) S: what the private collection has in
    particular is partly common to all queries and changes smoothly with them. Releases for one prompt are averaged first.
    v, a and l are those under which the releases are most likely. What single releases of a prompt differ by, beyond
    their noise, is kept.

    Args:
        neighbours: public rows whose mean is a query's centre, and as many private ones whose mean is wanted.

    Source: Rasmussen, Williams 2006, chapters 2 and 5.
    """

    name: ClassVar[str] = "joint"

    neighbours: int = 50

    def __post_init__(self) -> None:
        check.at_least(1, neighbours=self.neighbours)

    def denoise(self, queries: Queries, answered: Answered, prior: PublicPrior | None) -> Answered:
        """Return the posterior mean of each vector, given all. See `Denoiser.denoise`."""
        assert prior is not None
        if not len(queries):
            return answered
        noise = np.maximum(answered.noise_std**2, TINY)
        vectors = narrowed(queries, answered.vectors, noise, prior, self.neighbours)
        averaged = average_repeats(queries, vectors, noise)
        prompts, prompt, means = averaged.queries, averaged.of, averaged.means
        centre = prior.centre(prompts, self.neighbours)
        shifts, errors = np.empty_like(means), np.empty(len(prompts))
        for together in _batches(prompts):
            residuals = (means[together] - centre[together]) @ prior.basis
            shifts[together], errors[together] = _regress(prompts[together], residuals, averaged.noise[together], prior)
        common = (centre + shifts @ prior.basis.T)[prompt]
        deviations, deviation_errors = _deviations(vectors - means[prompt], noise, prompt, prior)
        return Answered(common + deviations, np.sqrt(errors[prompt] + deviation_errors))


def _batches(prompts: Queries) -> list[Int[np.ndarray, "some"]]:
    """Positions in batches of neighbouring queries, along the direction in which queries differ most."""
    centred = prompts - prompts.mean(axis=0)
    order = np.argsort(centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1], kind="stable")
    return np.array_split(order, -(-len(prompts) // MOST_TOGETHER))


def _regress(
    prompts: Queries, residuals: Float[np.ndarray, "prompt dim"], noise: Float[np.ndarray, "prompt"], prior: PublicPrior
) -> tuple[Float[np.ndarray, "prompt dim"], Float[np.ndarray, "prompt"]]:
    """Posterior mean of f, and its mean square error per coordinate, under the most likely kernel."""
    scale = np.sqrt(noise)
    best, most = None, -np.inf
    for kernel in _kernels(prompts):
        values, vectors = np.linalg.eigh(kernel / np.outer(scale, scale))
        seen = vectors.T @ (residuals / scale[:, None])
        for distance in DISTANCES:
            gains = distance * np.maximum(values, 0)[:, None] * prior.variances
            likelihood = -0.5 * (np.log1p(gains) + seen**2 / (1 + gains)).sum()
            if likelihood > most:
                best, most = (vectors, seen, gains / (1 + gains)), likelihood
    assert best is not None
    vectors, seen, shares = best
    return scale[:, None] * (vectors @ (shares * seen)), noise * ((vectors**2) @ shares.mean(axis=1))


def _kernels(prompts: Queries) -> list[Float[np.ndarray, "prompt prompt"]]:
    squares = np.maximum(0.0, (prompts**2).sum(1)[:, None] + (prompts**2).sum(1) - 2 * prompts @ prompts.T)
    usual = max(float(squares.mean()), TINY)
    return [
        common + (1 - common) * np.exp(-squares / (2 * length**2 * usual)) for common in COMMON for length in LENGTHS
    ]


def _deviations(
    deviations: Float[np.ndarray, "query dim"],
    noise: Float[np.ndarray, "query"],
    prompt: Int[np.ndarray, "query"],
    prior: PublicPrior,
) -> tuple[Float[np.ndarray, "query dim"], Float[np.ndarray, "query"]]:
    """What a single release has beyond its prompt's mean: as much as the deviations show over their noise."""
    shared = np.bincount(prompt)[prompt]
    alone = shared == 1
    left = noise * (1 - 1 / shared)
    excess = ((deviations**2).mean(axis=1) - left)[~alone].mean() if not alone.all() else 0.0
    spread = max(0.0, float(excess)) / float(prior.variances.mean())
    means, errors = posterior(
        deviations, np.zeros_like(deviations), noise[:, None], prior.basis, np.maximum(spread * prior.variances, TINY)
    )
    return np.where(alone[:, None], 0.0, means), np.where(alone, 0.0, errors)
