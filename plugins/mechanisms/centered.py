"""The paper's mechanism around a public centre: what is clipped and averaged is how far neighbours lie from it."""

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from dp_accounting.dp_event import DpEvent
from jaxtyping import Float

from dprdm import check
from dprdm.errors import UserError
from dprdm.files import hash_file
from dprdm.privacy.calibration import calibrate
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import PublicKnowledge, evenly
from dprdm.public.prior import NAME, PublicPrior, load_or_fit_prior
from dprdm.release.mechanism import PrivacyMechanism, Progress, Terms
from dprdm.release.sampled_mean import SampledMean, clip
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Queries, Query, Released

# Where the clipping norm is looked for: quantiles of public rows' distances from their query's centre.
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.95)
QUERIES = 128


@final
@dataclass(frozen=True)
class Centered(PrivacyMechanism):
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
    learns_from_public: ClassVar[bool] = True

    k: int = 20
    sampling_rate: float = 0.02
    radius: float = 0.0
    neighbours: int = 50
    prior: str = ""
    prior_sha256: str = ""

    def __post_init__(self) -> None:
        check.at_least(1, k=self.k)
        check.in_range(0.0, 1.0, sampling_rate=check.positive(sampling_rate=self.sampling_rate))
        check.in_range(0.0, 2.0, radius=self.radius)
        check.at_least(1, neighbours=self.neighbours)

    def prepare(self, public: PublicKnowledge, terms: Terms) -> "Centered":
        """Take the public centres, and the clipping norm that leaves the least error on public rows, if none is given."""
        path = Path(self.prior) if self.prior else public.folder / NAME
        prior = load_or_fit_prior(path, lambda: public)
        radius = self.radius or _best_norm(self, prior, public, terms)
        return dataclasses.replace(self, radius=radius, prior=str(path), prior_sha256=hash_file(path))

    def averaged(self) -> SampledMean:
        """What is noised, around the centres."""
        if self.radius == 0:
            raise UserError("Expected a radius, or public rows to choose it on. `prepare` chooses it.")
        return SampledMean(self.k, self.sampling_rate, self.radius)

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """2 * radius * max_per_unit / k. See `SampledMean.sensitivity`."""
        return self.averaged().sensitivity(max_per_unit)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """One Poisson-sampled Gaussian per query."""
        return self.averaged().event(noise_std, num_queries, max_per_unit)

    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """One noisy mean per query (float64). See `PrivacyMechanism.release`."""
        check.positive(noise_std=noise_std)
        centres = _prior(self.prior, self.prior_sha256).centre(queries, self.neighbours)
        return centres + noise.gaussian(
            self.averaged().means(queries, store, retriever, noise, progress, centres), noise_std
        )


@functools.lru_cache(maxsize=2)
def _prior(path: str, sha256: str) -> PublicPrior:
    if not path:
        raise UserError("Expected public centres to clip around. `prepare` learns them from public rows.")
    if hash_file(Path(path)) != sha256:
        raise UserError(f"The public centres in {path} are not those of this plan: their hash differs.")
    return PublicPrior.load(Path(path))


def _best_norm(asked: Centered, prior: PublicPrior, public: PublicKnowledge, terms: Terms) -> float:
    """The norm under which a clipped, noisy mean of public neighbours is expected to err least.

    error^2 = |mean of clipped residuals - mean of residuals|^2 + dim * noise_std^2, averaged over public queries.
    """
    known = public.thinned()
    queries = known.queries if len(known.queries) else known.rows
    queries = queries[evenly(len(queries), QUERIES)]
    centres = prior.centre(queries, asked.neighbours)
    residuals = [_residuals(*pair, known, asked.k, asked.sampling_rate) for pair in zip(queries, centres, strict=True)]
    norms = np.quantile(np.concatenate([np.linalg.norm(part, axis=1) for part in residuals]), QUANTILES)
    unit = dataclasses.replace(asked, radius=1.0)
    noise_std = calibrate(lambda value: unit.event(value, terms.num_queries, terms.max_per_unit), terms.budget)
    errors = [
        np.mean([_bias(part, norm) for part in residuals]) + known.dim * (noise_std * norm) ** 2 for norm in norms
    ]
    return float(min(2.0, norms[int(np.argmin(errors))]))


def _residuals(
    query: Query, centre: Query, known: PublicKnowledge, k: int, sampling_rate: float
) -> Float[np.ndarray, "row dim"]:
    """Every (1 / sampling_rate)-th of the rows nearest to a query, k of them, less its centre."""
    scores = known.rows @ query.astype(np.float32)
    reach = min(len(scores), round(k / sampling_rate))
    nearest = np.argsort(-scores, kind="stable")[:reach]
    return known.rows[nearest[evenly(reach, k)]] - centre


def _bias(residuals: Float[np.ndarray, "row dim"], norm: float) -> float:
    """Squared length of what clipping takes from the mean."""
    return float(((clip(residuals, norm) - residuals).mean(axis=0) ** 2).sum())
