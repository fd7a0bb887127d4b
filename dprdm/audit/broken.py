"""Parts broken on purpose, each as it was met in real code. Everything around them stays real.

They are registered as mechanisms and retrievers, not derived from them: a derived class would be offered as a plugin.
"""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

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
from dprdm.privacy.distributions import GaussianNoise, Noise
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Outcomes, Queries, Query, RankedRowIds, Released, RowIds


def seeded_noise() -> SecureNoise:
    """Noise from a seed that stands in the config: the same in every run, and on every rank."""
    calls = itertools.count()
    return SecureNoise(lambda size: hashlib.shake_256(f"seed 0, call {next(calls)}".encode()).digest(size))


@dataclass(frozen=True)
class _Stated:
    """The cost of `stated`."""

    name: ClassVar[str] = "misstated"
    is_private: ClassVar[bool] = True
    noise: ClassVar[Noise] = GaussianNoise()

    stated: PrivacyMechanism

    @property
    def tuning(self) -> Tuning | None:
        """As stated."""
        return self.stated.tuning

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """As stated."""
        return self.stated.sensitivity(max_per_unit)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """As stated."""
        return self.stated.event(noise_std, num_queries, max_per_unit)


@PerQueryMechanism.register
@dataclass(frozen=True)
class Misstated(_Stated):
    """Does one thing and states another: the cost of `stated`, the release of `done`, `noise_share` of its noise."""

    done: PerQueryMechanism
    noise_share: float = 1.0

    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Outcomes:
        """As done."""
        return self.done.release(queries, store, retriever, self.noise_share * noise_std, noise, progress)


@OneReleaseMechanism.register
@dataclass(frozen=True)
class MisstatedOnce(_Stated):
    """The same of mechanisms that release once for all queries."""

    done: OneReleaseMechanism
    noise_share: float = 1.0

    def release(
        self, store: Store, noise_std: float, noise: SecureNoise, progress: Progress | None = None
    ) -> OneRelease:
        """As done."""
        return self.done.release(store, self.noise_share * noise_std, noise, progress)


@PerQueryMechanism.register
@dataclass(frozen=True)
class DividesByFound(_Stated):
    """Averages over the rows that were found, not over k: where few are found, each weighs more than 1/k."""

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
        """Noisy means over what was found, of rows that need no clipping."""
        rows = np.arange(len(store))
        found = [store.vectors(retriever.search(query, store, rows, self.k)) for query in queries]
        return noise.gaussian(np.stack([vectors.astype(np.float64).mean(axis=0) for vectors in found]), noise_std)


class _Retriever:
    name: ClassVar[str] = "broken"
    reads_private: ClassVar[bool] = True

    def require_store(self, store: Store) -> None:
        """Any will do."""


@Retriever.register
@dataclass(frozen=True)
class PadsWithLast(_Retriever):
    """Missing neighbours are the id -1, and indexing with -1 takes the last record, again and again."""

    inner: Retriever

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Exactly k rows."""
        found = self.inner.search(query, store, rows, k)
        return np.concatenate([found, np.full(k - len(found), len(store) - 1)])


@Retriever.register
@dataclass(frozen=True)
class IgnoresSample(_Retriever):
    """Searches the whole store, whatever was sampled: an id selector that the index does not implement."""

    inner: Retriever

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """The best k of all rows."""
        return self.inner.search(query, store, np.arange(len(store)), k)


@Retriever.register
@dataclass(frozen=True)
class TrainedOnPrivate(_Retriever):
    """Searches one of two cells, whose centres are means of private rows: one record can move a centre, and with it
    every row that is searched."""

    inner: Retriever

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """The best k of those rows that lie in the cell nearest to the query."""
        vectors = store.vectors(np.arange(len(store)))
        centres = _two_means(vectors)
        return self.inner.search(query, store, rows[_cells(vectors[rows], centres) == np.argmax(centres @ query)], k)


def _two_means(vectors: Embeddings) -> Float[np.ndarray, "cell dim"]:
    """Lloyd's algorithm, from the first row and the row furthest from it."""
    furthest = int(np.argmin(vectors @ vectors[0]))
    centres = vectors[[0, furthest]]
    for _ in range(3):
        cells = _cells(vectors, centres)
        centres = np.stack([vectors[cells == n].mean(axis=0) if np.any(cells == n) else centres[n] for n in (0, 1)])
    return centres


def _cells(vectors: Embeddings, centres: Float[np.ndarray, "cell dim"]) -> RowIds:
    return np.argmax(vectors @ centres.T, axis=1)


def as_mechanism(part: Any) -> PrivacyMechanism:
    """A registered part, for type checkers, which do not see the registration."""
    assert isinstance(part, PrivacyMechanism)
    return part


def as_retriever(part: Any) -> Retriever:
    """A registered part, for type checkers, which do not see the registration."""
    assert isinstance(part, Retriever)
    return part


MakeMechanism = Callable[..., PerQueryMechanism]
