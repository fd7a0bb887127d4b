"""Which k and sampling rate serve best, found out on public rows: costs nothing, since no private row is read.

For each setting the noise is solved for the budget, the mechanism of the paper is acted out on a public stand-in, and
what it releases is compared with the mean of the rows nearest to the query among all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from dprdm import check
from dprdm.errors import UserError
from dprdm.guarantee.mechanism import PrivacyMechanism
from dprdm.privacy.budget import Budget
from dprdm.privacy.calibration import calibrate
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import evenly
from dprdm.retrieval.store import PublicStore
from dprdm.types import Query, RankedRowIds, RowIds

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
class Stage:
    """Public rows, and for each query, itself one of them, all others in the order of their inner products with it."""

    store: PublicStore
    rows: RowIds
    rankings: tuple[RankedRowIds, ...]

    @classmethod
    def of(cls, store: PublicStore, num_queries: int = NUM_QUERIES) -> "Stage":
        """Return the stage that rows of a public store make, with evenly spaced ones as queries."""
        rows = evenly(len(store), MOST_ROWS)
        positions = evenly(len(rows), num_queries)
        scores = _scores(store, rows, rows[positions])
        order = (np.argsort(-row_scores, kind="stable") for row_scores in scores)
        return cls(
            store, rows, tuple(ranked[ranked != position] for ranked, position in zip(order, positions, strict=True))
        )

    @property
    def depth(self) -> int:
        """Rows that a query can find."""
        return len(self.rows) - 1

    def target(self, number: int, k: int) -> Query:
        """Return the mean of the k rows nearest to a query, of all."""
        return self._mean(self.rankings[number][:k], k)

    def sampled_mean(self, number: int, k: int, sampling_rate: float, noise: SecureNoise) -> Query:
        """Return the mean of the k nearest in a Poisson sample, whose ranks among all lie geometric gaps apart."""
        if sampling_rate == 1:
            return self.target(number, k)
        ranks = np.cumsum(noise.geometric(k, sampling_rate, self.depth) + 1) - 1
        return self._mean(self.rankings[number][ranks[ranks < self.depth]], k)

    def _mean(self, positions: Int[np.ndarray, "found"], k: int) -> Query:
        return self.store.vectors(self.rows[positions]).sum(axis=0, dtype=np.float64) / k


def rehearse(
    stage: Stage,
    mechanism: PrivacyMechanism,
    budget: Budget,
    num_queries: int,
    settings: Iterable[tuple[int, float]],
    target_k: int,
    noise: SecureNoise,
    max_per_unit: int = 1,
) -> list[Rehearsed]:
    """Rehearse what each setting (k, sampling_rate) releases within the budget, best first.

    Args:
        mechanism: with fields `k` and `sampling_rate`.
        num_queries: that the budget must pay for.
        target_k: neighbours in the mean that a release is compared with: the same for all settings.
    Raises:
        UserError: if no setting's samples of the stand-in hold k rows on average.
    """
    check.in_range(1, stage.depth, target_k=target_k)
    able = [(k, rate) for k, rate in settings if rate * stage.depth >= k]
    if not able:
        raise UserError(f"No setting finds k rows in samples of {stage.depth} public rows. Use a larger public store.")
    targets = np.stack([stage.target(number, target_k) for number in range(len(stage.rankings))])
    multipliers: dict[float, float] = {}
    rehearsed = []
    for k, rate in able:
        tuned = mechanism.tuned(k, rate)
        if rate not in multipliers:
            multipliers[rate] = _noise(tuned, budget, num_queries, max_per_unit) / tuned.sensitivity(max_per_unit)
        rehearsed.append(_act(stage, k, rate, multipliers[rate] * tuned.sensitivity(max_per_unit), targets, noise))
    return sorted(rehearsed, key=lambda setting: -setting.cosine)


def settings_for(ks: Sequence[int], sampling_rates: Sequence[float], records: int | None) -> list[tuple[int, float]]:
    """Return all pairs whose samples of a collection of `records` hold k rows on average."""
    return [(k, rate) for k in ks for rate in sampling_rates if records is None or rate * records >= k]


def _noise(mechanism: PrivacyMechanism, budget: Budget, num_queries: int, max_per_unit: int) -> float:
    return calibrate(
        lambda value: mechanism.event(value, num_queries, max_per_unit), budget, mechanism.sensitivity(), TOLERANCE
    )


def _act(
    stage: Stage, k: int, rate: float, noise_std: float, targets: Float[np.ndarray, "query dim"], noise: SecureNoise
) -> Rehearsed:
    means = np.stack([stage.sampled_mean(number, k, rate, noise) for number in range(len(targets))])
    cosines = _cosines(noise.gaussian(means, noise_std), targets)
    error = float(cosines.std() / np.sqrt(len(cosines)))
    return Rehearsed(k, rate, noise_std, float(cosines.mean()), error, float(_cosines(means, targets).mean()))


def _cosines(
    released: Float[np.ndarray, "query dim"], targets: Float[np.ndarray, "query dim"]
) -> Float[np.ndarray, "query"]:
    lengths = np.linalg.norm(released, axis=1) * np.linalg.norm(targets, axis=1)
    return (released * targets).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)


def _scores(store: PublicStore, rows: RowIds, positions: Int[np.ndarray, "query"]) -> Float[np.ndarray, "query row"]:
    queries = store.vectors(positions)
    blocks = (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))
    return np.concatenate([queries @ store.vectors(block).T for block in blocks], axis=1)
