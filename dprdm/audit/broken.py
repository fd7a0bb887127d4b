"""Parts broken on purpose, each as it was met in real code. Everything around them stays real.

No entry point declares them, so none is offered as a plugin.
"""

import hashlib
import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from dp_accounting.dp_event import DpEvent
from jaxtyping import Float

from dprdm.guarantee.mechanism import (
    OneRelease,
    OneReleaseMechanism,
    PerQueryMechanism,
    PrivacyMechanism,
    Progress,
    Tuning,
)
from dprdm.guarantee.sampled_mean import SampledMeanMechanism
from dprdm.privacy.distributions import GaussianNoise, Noise
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Queries, Query, RankedRowIds, Released, RowIds


def seeded_noise() -> SecureNoise:
    """Draw noise from a seed that stands in the config: the same in every run, and on every rank."""
    calls = itertools.count()
    return SecureNoise(lambda size: hashlib.shake_256(f"seed 0, call {next(calls)}".encode()).digest(size))


@dataclass(frozen=True)
class Claimed(PrivacyMechanism):
    """States the cost of another mechanism, whatever it does itself."""

    name: ClassVar[str] = "misstated"
    noise: ClassVar[Noise] = GaussianNoise()

    claimed: PrivacyMechanism

    @property
    def tuning(self) -> Tuning | None:
        """Return what is claimed."""
        return self.claimed.tuning

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """Return what is claimed."""
        return self.claimed.sensitivity(max_per_unit)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """Return what is claimed."""
        return self.claimed.event(noise_std, num_queries, max_per_unit)


@dataclass(frozen=True)
class Misstated(Claimed, PerQueryMechanism):
    """Releases what `actual` does, with `noise_share` of its noise."""

    actual: PerQueryMechanism
    noise_share: float = 1.0

    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """Release what the actual mechanism does."""
        return self.actual.release(queries, store, retriever, self.noise_share * noise_std, noise, progress)


@dataclass(frozen=True)
class MisstatedOneRelease(Claimed, OneReleaseMechanism):
    """Releases what `actual` does, with `noise_share` of its noise: the same of mechanisms that release once."""

    actual: OneReleaseMechanism
    noise_share: float = 1.0

    def release(
        self, store: Store, noise_std: float, noise: SecureNoise, progress: Progress | None = None
    ) -> OneRelease:
        """Release what the actual mechanism does."""
        return self.actual.release(store, self.noise_share * noise_std, noise, progress)

    def restore(self, array: Float[np.ndarray, "row column"], noise_std: float) -> OneRelease:
        """Restore what the actual mechanism released."""
        return self.actual.restore(array, noise_std)


@dataclass(frozen=True)
class DividesByCount(Claimed, PerQueryMechanism):
    """Averages over the rows that there are, not over k: where these are few, each weighs more than 1/k."""

    k: int

    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """Release noisy means of all neighbours, of rows that need no clipping."""
        rows = np.arange(len(store))
        nearest = [store.vectors(retriever.search(query, store, rows, self.k)) for query in queries]
        return self.noise.add(
            np.stack([vectors.mean(axis=0, dtype=np.float64) for vectors in nearest]), noise_std, noise
        )


@dataclass(frozen=True)
class Unchecked(SampledMeanMechanism):
    """The mechanism of the paper without the check of what a retriever returns."""

    name: ClassVar[str] = "unchecked"
    noise: ClassVar[Noise] = GaussianNoise()

    clip_norm: float = 1.0

    def nearest(self, query: Query, store: Store, retriever: Retriever, rows: RowIds) -> RankedRowIds:
        """Return whatever the retriever returns."""
        return retriever.search(query, store, rows, self.k)


@dataclass(frozen=True)
class BrokenRetriever(Retriever):
    """Changes what another retriever does."""

    name: ClassVar[str] = "broken"
    reads_private: ClassVar[bool] = True

    inner: Retriever


@dataclass(frozen=True)
class PadsWithLast(BrokenRetriever):
    """Missing neighbours are the id -1, and indexing with -1 takes the last record, again and again."""

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return exactly k rows."""
        nearest = self.inner.search(query, store, rows, k)
        return np.concatenate([nearest, np.full(k - len(nearest), len(store) - 1)])


@dataclass(frozen=True)
class RepeatsNearest(BrokenRetriever):
    """Returns the nearest row k times: it weighs k times as much as any row may."""

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return one row, again and again."""
        return self.inner.search(query, store, rows, 1).repeat(k)


@dataclass(frozen=True)
class IgnoresSample(BrokenRetriever):
    """Searches the whole store, whatever was sampled: an id selector that the index does not implement."""

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return the best k of all rows."""
        return self.inner.search(query, store, np.arange(len(store)), k)


@dataclass(frozen=True)
class TrainedOnPrivate(BrokenRetriever):
    """Searches one of two cells, whose centres are means of private rows: one record can move a centre, and with it
    every row that is searched."""

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return the best k of those rows that lie in the cell nearest to the query."""
        vectors = store.vectors(np.arange(len(store)))
        centres = _two_means(vectors)
        return self.inner.search(query, store, rows[_cells(vectors[rows], centres) == np.argmax(centres @ query)], k)


def _two_means(vectors: Embeddings) -> Float[np.ndarray, "cell dim"]:
    """Run Lloyd's algorithm from the first row and the row furthest from it."""
    furthest = int(np.argmin(vectors @ vectors[0]))
    centres = vectors[[0, furthest]]
    for _ in range(3):
        cells = _cells(vectors, centres)
        centres = np.stack([vectors[cells == n].mean(axis=0) if np.any(cells == n) else centres[n] for n in (0, 1)])
    return centres


def _cells(vectors: Embeddings, centres: Float[np.ndarray, "cell dim"]) -> RowIds:
    return np.asarray(np.argmax(vectors @ centres.T, axis=1))
