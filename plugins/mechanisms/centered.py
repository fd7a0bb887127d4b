"""The paper's mechanism around a public centre: what is clipped and averaged is how far neighbours lie from it."""

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float

from dprdm import check
from dprdm.errors import UserError
from dprdm.files import hash_file
from dprdm.guarantee.mechanism import Preparable, Terms, Tuning
from dprdm.guarantee.sampled_mean import SampledMeanMechanism, clip
from dprdm.privacy.calibration import calibrate
from dprdm.privacy.distributions import GaussianNoise, Noise
from dprdm.public.knowledge import PublicKnowledge, evenly
from dprdm.public.prior import NAME, PublicPrior, load_or_fit_prior
from dprdm.types import Queries, Query

# Where the clipping norm is looked for: quantiles of public rows' distances from their query's centre.
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.95)
QUERIES = 128


@final
@dataclass(frozen=True)
class Centered(SampledMeanMechanism, Preparable):
    """Average how far the k nearest vectors of a sample lie from the query's public centre, clipped, and add noise.

    r = c(u) + (1/k) * sum_i clip(n_i - c(u)) + noise_std * z,  z ~ N(0, I)

    The centre c(u) is where public neighbours of u lie. Neighbours lie nearer to it than to the origin, so they are
    clipped to less, and less noise hides one of them.

    Args:
        k: number of neighbours, and the divisor, however few are found: missing ones lie at the centre.
        sampling_rate: chance of each unit to be searched at all, in (0, 1], by its own coin for each query.
        radius: largest distance from the centre that counts. 0: chosen on public rows.
        neighbours: public rows whose mean is a query's centre.
        prior: file of the public centres.
        prior_sha256: of that file.
    Guarantee:
        - Adding or removing one unit moves the mean by at most `sensitivity`
          (tests/contracts/test_mechanisms.py::test_sensitivity_by_brute_force).
    """

    name: ClassVar[str] = "centered"
    noise: ClassVar[Noise] = GaussianNoise()

    radius: float = 0.0
    neighbours: int = 50
    prior: str = ""
    prior_sha256: str = ""

    def __post_init__(self) -> None:
        Tuning(self.k, self.sampling_rate)  # checks both
        check.in_range(0.0, 2.0, radius=self.radius)
        check.at_least(1, neighbours=self.neighbours)

    def prepare(self, public: PublicKnowledge, terms: Terms) -> "Centered":
        """Take the public centres, and the radius that leaves the least error on public rows, if it is left open."""
        path = Path(self.prior) if self.prior else public.folder / NAME
        prior = load_or_fit_prior(path, lambda: public)
        radius = self.radius or _best_norm(self, prior, public, terms)
        return dataclasses.replace(self, radius=radius, prior=str(path), prior_sha256=hash_file(path))

    @property
    def clip_norm(self) -> float:
        """Return the radius. Raises UserError while it is open."""
        if self.radius == 0:
            raise UserError("Expected a radius, or public rows to choose it on. `prepare` chooses it.")
        return self.radius

    def centres(self, queries: Queries) -> Queries:
        """Return the mean of the public rows nearest to each query."""
        return _prior(self.prior, self.prior_sha256).centre(queries, self.neighbours)


@functools.lru_cache(maxsize=2)
def _prior(path: str, sha256: str) -> PublicPrior:
    if not path:
        raise UserError("Expected public centres to clip around. `prepare` learns them from public rows.")
    if hash_file(Path(path)) != sha256:
        raise UserError(f"The public centres in {path} are not those of this plan: their hash differs.")
    return PublicPrior.load(Path(path))


def _best_norm(mechanism: Centered, prior: PublicPrior, public: PublicKnowledge, terms: Terms) -> float:
    """The norm under which a clipped, noisy mean of public neighbours is expected to err least.

    error^2 = |mean of clipped residuals - mean of residuals|^2 + dim * noise_std^2, averaged over public queries.
    """
    thinned = public.thinned()
    queries = thinned.queries if len(thinned.queries) else thinned.rows
    queries = queries[evenly(len(queries), QUERIES)]
    centres = prior.centre(queries, mechanism.neighbours)
    residuals = [
        _residuals(*pair, thinned, mechanism.k, mechanism.sampling_rate) for pair in zip(queries, centres, strict=True)
    ]
    norms = np.quantile(np.concatenate([np.linalg.norm(part, axis=1) for part in residuals]), QUANTILES)
    unit = dataclasses.replace(mechanism, radius=1.0)
    noise_std = calibrate(lambda value: unit.event(value, terms.num_queries, terms.max_per_unit), terms.budget)
    errors = [
        np.mean([_bias(part, norm) for part in residuals]) + thinned.dim * (noise_std * norm) ** 2 for norm in norms
    ]
    return float(min(2.0, norms[int(np.argmin(errors))]))


def _residuals(
    query: Query, centre: Query, thinned: PublicKnowledge, k: int, sampling_rate: float
) -> Float[np.ndarray, "row dim"]:
    """Every (1 / sampling_rate)-th of the rows nearest to a query, k of them, less its centre."""
    scores = thinned.rows @ query.astype(np.float32)
    reach = min(len(scores), round(k / sampling_rate))
    nearest = np.argsort(-scores, kind="stable")[:reach]
    return np.asarray(thinned.rows[nearest[evenly(reach, k)]] - centre)


def _bias(residuals: Float[np.ndarray, "row dim"], norm: float) -> float:
    """Squared length of what clipping takes from the mean."""
    return float(((clip(residuals, norm) - residuals).mean(axis=0) ** 2).sum())
