"""Each vector by itself: the posterior mean, given where public neighbour means lie."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float

from dprdm import check
from dprdm.public.denoiser import Denoiser
from dprdm.public.narrowing import TINY, narrowed
from dprdm.public.prior import PublicPrior, posterior
from dprdm.types import Answered, Queries


@final
@dataclass(frozen=True)
class PublicPriorDenoiser(Denoiser):
    """Wiener filter around the query's public centre.

    E[m | r],  r = m + noise,  m ~ N(c(u), v S): c and S are the public prior's, v, how far the private collection lies from
    the public one, is estimated from all releases at hand (empirical Bayes). Means of wide neighbourhoods are brought to
    the width of the centre's first (`dprdm.public.narrowing`).

    Args:
        neighbours: public rows whose mean is a query's centre, and as many private ones whose mean is wanted.

    Source: Wiener 1949; Robbins 1956 for what is estimated from the releases.
    """

    name: ClassVar[str] = "public_prior"

    neighbours: int = 50

    def __post_init__(self) -> None:
        check.at_least(1, neighbours=self.neighbours)

    def denoise(self, queries: Queries, answered: Answered, prior: PublicPrior | None) -> Answered:
        """Return the posterior mean of each vector. See `Denoiser.denoise`."""
        assert prior is not None
        if not len(queries):
            return answered
        centre, noise = prior.centre(queries, self.neighbours), np.maximum(answered.noise_std**2, TINY)
        vectors = narrowed(queries, answered.vectors, noise, prior, self.neighbours)
        variances = prior.variances * distance(vectors - centre, noise, prior)
        means, errors = posterior(vectors, centre, noise[:, None], prior.basis, variances)
        return Answered(means, np.sqrt(errors))


def distance(residuals: Float[np.ndarray, "query dim"], noise: Float[np.ndarray, "query"], prior: PublicPrior) -> float:
    """Estimate how far clean vectors lie from their centres, in units of the prior's variance: what of the residuals is not noise.

    Vectors with less noise say more: each counts by the inverse square of its variance. Where few or noisy ones say
    little, 1, the public rows' own distance, is believed instead: the two are averaged by their precision.
    """
    usual = float(prior.variances.mean())
    weights = 1 / (noise + usual) ** 2
    seen = float(weights @ ((residuals**2).mean(axis=1) - noise) / (weights.sum() * usual))
    precision = float(weights.sum()) * usual**2 * residuals.shape[1] / 2
    return float(np.clip((precision * seen + 1) / (precision + 1), 1e-3, 4.0))
