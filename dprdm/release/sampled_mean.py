"""The clipped mean of the nearest rows of a Poisson sample, and how far one unit moves it: the lemma of docs/guarantee.md."""

from dataclasses import dataclass

import numpy as np
from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.errors import StoreError, UserError
from dprdm.privacy.events import sampled_gaussian
from dprdm.privacy.noise import SecureNoise
from dprdm.release.mechanism import Progress
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.sampling import poisson_sample
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Queries, Query, Released


@dataclass(frozen=True)
class SampledMean:
    """m(u) = (1/k) * sum_i clip(n_i - c(u)) over the k rows n_i nearest to a query u in a sample of its own; c(u) is public.

    Args:
        k: number of neighbours, and the divisor, however few are found: missing ones count as zero.
        sampling_rate: chance of each unit to be searched at all, in (0, 1], by its own coin for each query.
        clip_norm: longer differences n_i - c(u) are scaled down to this length.
    Guarantee:
        - Adding or removing one unit moves the mean by at most `sensitivity`
          (tests/contracts/test_mechanisms.py::test_sensitivity_by_brute_force).
    """

    k: int
    sampling_rate: float
    clip_norm: float

    def __post_init__(self) -> None:
        check.at_least(1, k=self.k)
        check.in_range(0.0, 1.0, sampling_rate=check.positive(sampling_rate=self.sampling_rate))
        check.positive(clip_norm=self.clip_norm)

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """2 * clip_norm * max_per_unit / k: each record of a unit displaces at most one other of the k averaged.

        With a part in 10^9, and k^2 parts in 2^50, on top: more than the float64 rounding of two such means.
        """
        moved = min(check.at_least(1, max_per_unit=max_per_unit), self.k)
        return 2 * self.clip_norm * moved / self.k * (1 + 1e-9 + self.k**2 * 2.0**-50)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """One Poisson-sampled Gaussian per query, of means with this noise added."""
        return sampled_gaussian(noise_std / self.sensitivity(max_per_unit), self.sampling_rate, num_queries)

    def means(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        coins: SecureNoise,
        progress: Progress | None = None,
        centres: Queries | None = None,
    ) -> Released:
        """The means, float64, before noise. They are private: for mechanisms, the non-private baseline and tests only.

        Args:
            queries: finite, of the store's dimension.
            store: where the rows are.
            retriever: finds the nearest.
            coins: decide each query's sample.
            progress: told of every query.
            centres: c(u) of each query. None: the origin.
        Raises:
            UserError: for queries of another length, or that are not finite.
        """
        if queries.shape[1] != store.dim or not np.isfinite(queries).all():
            raise UserError(f"Expected finite queries of length {store.dim}, the store's, got shape {queries.shape}.")
        centres = np.zeros(queries.shape) if centres is None else centres
        means = np.zeros(queries.shape, dtype=np.float64)
        for row, (query, centre) in enumerate(zip(queries, centres, strict=True)):
            means[row] = self._mean(query, centre, store, retriever, coins)
            if progress is not None:
                progress(1)
        return means

    def _mean(self, query: Query, centre: Query, store: Store, retriever: Retriever, coins: SecureNoise) -> Query:
        units = poisson_sample(store.num_units, self.sampling_rate, coins)
        nearest = retriever.search(query, store, store.rows_of(units), self.k)
        return clip(store.vectors(nearest) - centre, self.clip_norm).sum(axis=0) / self.k


def clip(vectors: Embeddings, clip_norm: float) -> Embeddings:
    """Rows scaled down to a length of at most `clip_norm`, in float64.

    Raises:
        StoreError: for a number that is not finite. `index` refuses those, so the store was damaged since.
    """
    rows = vectors.astype(np.float64)
    if not np.isfinite(rows).all():
        raise StoreError("Expected finite vectors in the store; it was damaged after it was indexed. Index again.")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows * np.minimum(1.0, clip_norm / np.maximum(norms, np.finfo(np.float64).tiny))
