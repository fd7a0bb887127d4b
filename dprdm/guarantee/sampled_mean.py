"""The noisy, clipped mean of the nearest rows of a Poisson sample, and how far one unit moves it: the lemma of
docs/guarantee.md."""

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.errors import StoreError, UserError
from dprdm.guarantee.mechanism import PerQueryMechanism, Progress, Tuning
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.retriever import Retriever, checked_search
from dprdm.retrieval.sampling import poisson_sample
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Queries, Query, RankedRowIds, Released, RowIds

Mean = TypeVar("Mean", bound="SampledMeanMechanism")


@dataclass(frozen=True)
class SampledMeanMechanism(PerQueryMechanism):
    """r(u) = c(u) + m(u) + noise,  m(u) = (1/k) * sum_i clip(n_i - c(u)) over the k rows n_i nearest to a query u.

    They are found in a Poisson sample of the query's own. c(u) is public: the origin, unless `centres` is overridden. A
    subclass names the noise, and says in `clip_norm` (a field, or a property) how long a difference may be in the norm of
    the noise.

    Args:
        k: number of neighbours, and the divisor, however few are found: missing ones count as zero.
        sampling_rate: chance of each unit to be searched at all, in (0, 1], by its own coin for each query.
    Guarantee:
        - Adding or removing one unit moves the mean by at most `sensitivity`
          (tests/contracts/test_mechanisms.py::test_sensitivity_by_brute_force).
        - Missing neighbours count as zero
          (tests/plugins/test_gaussian.py::test_hazard_06_missing_neighbours_are_zero_rows).
        - What the retriever returns is checked: at most k rows, each once, of the sample
          (tests/guarantee/test_sampled_mean.py::test_hazard_27_what_a_retriever_returns_is_checked).
        - Rows are clipped, not warned about (tests/plugins/test_gaussian.py::test_hazard_10_long_rows_are_clipped).
    """

    k: int = 20
    sampling_rate: float = 0.02

    def __post_init__(self) -> None:
        check.at_least(1, k=self.k)
        check.in_range(0.0, 1.0, sampling_rate=check.positive(sampling_rate=self.sampling_rate))
        check.positive(clip_norm=self.clip_norm)

    @property
    @abstractmethod
    def clip_norm(self) -> float:
        """Return the length, in the norm of the noise, to which longer differences n_i - c(u) are scaled down."""

    @property
    def tuning(self) -> Tuning:
        """Return k and sampling rate."""
        return Tuning(self.k, self.sampling_rate)

    def tuned(self: Mean, k: int | None = None, sampling_rate: float | None = None) -> Mean:
        """Return the same mechanism with another k, sampling rate, or both."""
        rate = self.sampling_rate if sampling_rate is None else sampling_rate
        return dataclasses.replace(self, k=self.k if k is None else k, sampling_rate=rate)

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """Return 2 * clip_norm * max_per_unit / k: each record of a unit displaces at most one other of the k averaged.

        With a part in 10^9, and k^2 parts in 2^50, on top: more than the float64 rounding of two such means.
        """
        moved = min(check.at_least(1, max_per_unit=max_per_unit), self.k)
        return 2 * self.clip_norm * moved / self.k * (1 + 1e-9 + self.k**2 * 2.0**-50)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """Return one Poisson-sampled release per query."""
        return self.noise.event(noise_std / self.sensitivity(max_per_unit), self.sampling_rate, num_queries)

    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """Return one noisy mean per query (float64). See `PerQueryMechanism.release`."""
        self.noise.require_std(noise_std)
        centres = self.centres(queries)
        means = self.means(queries, centres, store, retriever, noise, progress)
        return np.asarray(centres + self.noise.add(means, noise_std, noise))

    def means(
        self,
        queries: Queries,
        centres: Queries,
        store: Store,
        retriever: Retriever,
        coins: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """Return m(u) of each query, float64, before noise. PRIVATE: for `release` and tests only.

        Args:
            queries: finite, of the store's dimension.
            centres: c(u) of each.
            coins: decide each query's sample.
            progress: called with 1 after every query.
        Raises:
            UserError: for queries of another length, or that are not finite.
        """
        if queries.shape[1] != store.dim or not np.isfinite(queries).all():
            raise UserError(f"Expected finite queries of length {store.dim}, the store's, got shape {queries.shape}.")
        means = np.zeros(queries.shape, dtype=np.float64)
        for row, (query, centre) in enumerate(zip(queries, centres, strict=True)):
            units = poisson_sample(store.num_units, self.sampling_rate, coins)
            nearest = self.nearest(query, store, retriever, store.rows_of(units))
            clipped = clip(store.vectors(nearest) - centre, self.clip_norm, self.noise.norm)
            means[row] = clipped.sum(axis=0) / self.k
            if progress is not None:
                progress(1)
        return means

    def nearest(self, query: Query, store: Store, retriever: Retriever, rows: RowIds) -> RankedRowIds:
        """Return the k of `rows` nearest to a query, checked. PRIVATE."""
        return checked_search(retriever, query, store, rows, self.k)


def clip(vectors: Embeddings, clip_norm: float, norm: Literal[1, 2] = 2) -> Embeddings:
    """Scale rows down to a length of at most `clip_norm`, in float64.

    Args:
        norm: in which lengths are measured.
    Raises:
        StoreError: for a number that is not finite. `index` refuses those, so the store was damaged since.
    """
    rows = vectors.astype(np.float64)
    if not np.isfinite(rows).all():
        raise StoreError("Expected finite vectors in the store; it was damaged after it was indexed. Index again.")
    norms = np.linalg.norm(rows, ord=norm, axis=1, keepdims=True)
    return np.asarray(rows * np.minimum(1.0, clip_norm / np.maximum(norms, np.finfo(np.float64).tiny)))
