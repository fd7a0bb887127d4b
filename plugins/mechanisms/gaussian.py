"""The mechanism of DP-RDM: the noisy mean of the nearest neighbours in a Poisson sample, drawn anew for each query."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.errors import StoreError, UserError
from dprdm.privacy.events import sampled_gaussian
from dprdm.privacy.mechanism import PrivacyMechanism, Progress
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.sampling import poisson_sample
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Queries, Query, Released


@final
@dataclass(frozen=True)
class Gaussian(PrivacyMechanism):
    """Average the k nearest vectors of a sample and add Gaussian noise.

    r = (1/k) * sum_i n_i + noise_std * z,  z ~ N(0, I).    (DP-RDM, Algorithm 1)

    Args:
        k: number of neighbours, and the divisor, however few are found: missing ones are zero rows.
        sampling_rate: chance of each unit to be searched at all, in (0, 1], by its own coin for each query.
        clip_norm: longer rows are scaled down to this length.
    Guarantee:
        - Adding or removing one unit moves the mean by at most `sensitivity`
          (tests/contracts/test_mechanisms.py::test_sensitivity_by_brute_force).
        - Missing neighbours count as zero
          (tests/plugins/test_gaussian.py::test_hazard_06_missing_neighbours_are_zero_rows).
        - Rows are clipped, not warned about (tests/plugins/test_gaussian.py::test_hazard_10_long_rows_are_clipped).
    Source: arXiv 2403.14421.
    """

    name: ClassVar[str] = "gaussian"

    k: int = 20
    sampling_rate: float = 0.02
    clip_norm: float = 1.0

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
        """One Poisson-sampled Gaussian per query."""
        return sampled_gaussian(noise_std / self.sensitivity(max_per_unit), self.sampling_rate, num_queries)

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
        return noise.gaussian(self.means(queries, store, retriever, noise, progress), noise_std)

    def means(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """The means before noise. They are private: for `release`, the non-private baseline and tests only."""
        if queries.shape[1] != store.dim or not np.isfinite(queries).all():
            raise UserError(f"Expected finite queries of length {store.dim}, the store's, got shape {queries.shape}.")
        means = np.zeros(queries.shape, dtype=np.float64)
        for row, query in enumerate(queries):
            means[row] = self._mean(query, store, retriever, noise)
            if progress is not None:
                progress(1)
        return means

    def _mean(self, query: Query, store: Store, retriever: Retriever, noise: SecureNoise) -> Query:
        units = poisson_sample(store.num_units, self.sampling_rate, noise)
        nearest = retriever.search(query, store, store.rows_of(units), self.k)
        return clip(store.vectors(nearest), self.clip_norm).sum(axis=0) / self.k


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
