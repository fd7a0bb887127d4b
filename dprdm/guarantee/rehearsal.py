"""Which k and sampling rate serve best, rehearsed on public rows: costs nothing, since no private row is read.

For each setting the noise is solved for the budget, the mechanism is acted out on a public stand-in, and what it releases
is compared with the mean of the rows nearest to the query among all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from dprdm import check
from dprdm.errors import UserError
from dprdm.guarantee.mechanism import PrivacyMechanism
from dprdm.guarantee.sampled_mean import SampledMeanMechanism, clip
from dprdm.privacy.budget import Budget
from dprdm.privacy.calibration import calibrate
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import evenly
from dprdm.public.rehearsal import Stage
from dprdm.retrieval.store import PublicStore
from dprdm.types import Queries, Query, RankedRowIds, RowIds

KS = (5, 10, 20, 50, 100, 200, 500)
SAMPLING_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
NUM_QUERIES = 128
# Larger stand-ins are thinned to this many rows, evenly spaced.
MOST_ROWS = 200_000
BLOCK = 8192
# The noise of a rehearsal may exceed the least by this much; the plan that is chosen is solved for anew.
TOLERANCE = 0.01


@dataclass(frozen=True)
class Rehearsed:
    """One setting: its noise, and the mean cosine of what it releases, with its standard error, and without noise."""

    k: int
    sampling_rate: float
    noise_std: float
    cosine: float
    standard_error: float
    without_noise: float


@dataclass(frozen=True, eq=False)
class SearchStage(Stage):
    """Public rows, and for each query, itself one of them, all others in the order of their inner products with it.

    Args:
        store: the stand-in.
        rows: of it, those that are rehearsed on.
        queries: evenly spaced ones of these.
        rankings: of each query, positions in `rows`.
        targets: the mean of the rows nearest to each query, of all.
    """

    store: PublicStore
    rows: RowIds
    queries: Queries
    rankings: tuple[RankedRowIds, ...]
    targets: Float[np.ndarray, "query dim"]

    @classmethod
    def of(cls, store: PublicStore, target_k: int, num_queries: int = NUM_QUERIES) -> "SearchStage":
        """Rank the rows of a public store for evenly spaced ones of them.

        Args:
            target_k: neighbours in the mean that releases are compared with: the same for all settings.
        """
        rows = evenly(len(store), MOST_ROWS)
        check.in_range(1, len(rows) - 1, target_k=target_k)
        positions = evenly(len(rows), num_queries)
        queries = store.vectors(rows[positions])
        scores = np.concatenate([queries @ store.vectors(block).T for block in _blocks(rows)], axis=1)
        order = (np.argsort(-of_query, kind="stable") for of_query in scores)
        rankings = tuple(ranked[ranked != position] for ranked, position in zip(order, positions, strict=True))
        nearest = [store.vectors(rows[ranked[:target_k]]) for ranked in rankings]
        targets = np.stack([vectors.mean(axis=0, dtype=np.float64) for vectors in nearest])
        return cls(store, rows, queries.astype(np.float64), rankings, targets)

    @property
    def depth(self) -> int:
        """Return how many rows a query ranks."""
        return len(self.rows) - 1

    def means(self, mechanism: SampledMeanMechanism, noise: SecureNoise) -> Queries:
        """Return what the mechanism averages for each query, before noise, around its public centres."""
        centres = mechanism.centres(self.queries)
        return np.stack([self._mean(number, mechanism, centre, noise) for number, centre in enumerate(centres)])

    def _mean(self, number: int, mechanism: SampledMeanMechanism, centre: Query, noise: SecureNoise) -> Query:
        """Average the k nearest rows of a Poisson sample: their ranks among all lie geometric gaps apart."""
        nearest = self.rankings[number][: mechanism.k]
        if mechanism.sampling_rate < 1:
            ranks = np.cumsum(noise.geometric(mechanism.k, mechanism.sampling_rate, self.depth) + 1) - 1
            nearest = self.rankings[number][ranks[ranks < self.depth]]
        vectors = self.store.vectors(self.rows[nearest])
        total = clip(vectors - centre, mechanism.clip_norm, mechanism.noise.norm).sum(axis=0)
        return np.asarray(centre + total / mechanism.k)


def rehearse(
    stage: SearchStage,
    mechanism: PrivacyMechanism,
    budget: Budget,
    num_queries: int,
    settings: Iterable[tuple[int, float]],
    noise: SecureNoise,
    max_per_unit: int = 1,
) -> list[Rehearsed]:
    """Act out each setting (k, sampling_rate) with the noise that the budget asks for; return them, best first.

    Args:
        mechanism: one that averages neighbours.
        num_queries: that the budget must pay for.
    Raises:
        UserError: if no setting's samples of the stand-in hold k rows on average, or the mechanism averages none.
    """
    if not isinstance(mechanism, SampledMeanMechanism):
        raise UserError(f"Expected a mechanism that averages neighbours to rehearse; {mechanism.name} does not.")
    possible = [(k, rate) for k, rate in settings if rate * stage.depth >= k]
    if not possible:
        raise UserError(f"No setting finds k rows in samples of {stage.depth} public rows. Use a larger public store.")
    multipliers: dict[float, float] = {}
    rehearsed = []
    for k, rate in possible:
        tuned = mechanism.tuned(k, rate)
        if rate not in multipliers:
            multipliers[rate] = _noise_std(tuned, budget, num_queries, max_per_unit) / tuned.sensitivity(max_per_unit)
        rehearsed.append(_act(stage, tuned, multipliers[rate] * tuned.sensitivity(max_per_unit), noise))
    return sorted(rehearsed, key=lambda setting: -setting.cosine)


def settings_for(ks: Sequence[int], sampling_rates: Sequence[float], records: int | None) -> list[tuple[int, float]]:
    """Return all pairs whose samples of a collection of `records` hold k rows on average."""
    return [(k, rate) for k in ks for rate in sampling_rates if records is None or rate * records >= k]


def _noise_std(mechanism: PrivacyMechanism, budget: Budget, num_queries: int, max_per_unit: int) -> float:
    return calibrate(
        lambda value: mechanism.event(value, num_queries, max_per_unit), budget, mechanism.sensitivity(), TOLERANCE
    )


def _act(stage: SearchStage, mechanism: SampledMeanMechanism, noise_std: float, noise: SecureNoise) -> Rehearsed:
    means = stage.means(mechanism, noise)
    cosines = stage.cosines(mechanism.noise.add(means, noise_std, noise))
    error = float(cosines.std() / np.sqrt(len(cosines)))
    without_noise = float(stage.cosines(means).mean())
    return Rehearsed(mechanism.k, mechanism.sampling_rate, noise_std, float(cosines.mean()), error, without_noise)


def _blocks(rows: RowIds) -> list[Int[np.ndarray, "row"]]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
