"""What a privacy mechanism must be: the object that adds the noise is the object that states what it added.

Two kinds: one answers each query by itself (`PerQueryMechanism`), one releases once and answers every query from that
(`OneReleaseMechanism`). What either may learn from public rows beforehand is a third, small interface (`Preparable`).
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from dp_accounting.dp_event import DpEvent
from jaxtyping import Float, Int
from numpy import ndarray

from dprdm import check
from dprdm.errors import UserError
from dprdm.privacy.budget import Budget
from dprdm.privacy.distributions import Noise
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import PublicKnowledge
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Answered, Queries, Released

# The kind of mechanism that a method returns is the kind that it is called on.
Mechanism = TypeVar("Mechanism", bound="PrivacyMechanism")
Prepared = TypeVar("Prepared", bound="Preparable")
# Called with the number of queries that were just finished, as tqdm's `update` is.
Progress: TypeAlias = Callable[[int], object]
# Metadata of a field that says how a release is read, not how it is drawn: with another value a stored release answers.
READING: Mapping[str, bool] = {"reading": True}


@dataclass(frozen=True)
class Tuning:
    """The two settings of a search that trade noise for faithfulness.

    Args:
        k: neighbours averaged.
        sampling_rate: chance of each unit to be searched, in (0, 1].
    """

    k: int
    sampling_rate: float

    def __post_init__(self) -> None:
        check.at_least(1, k=self.k)
        check.in_range(0.0, 1.0, sampling_rate=check.positive(sampling_rate=self.sampling_rate))


@dataclass(frozen=True)
class PrivacyMechanism(ABC):
    """What both kinds have in common. A subclass is a final frozen dataclass.

    Its fields are public and are logged; rows, counts and generators only ever come as arguments. One unit of privacy
    is one record, or one person holding at most `max_per_unit` records; the relation is add or remove one unit.

    Guarantee:
        - Adding or removing one unit moves what is noised by at most `sensitivity`
          (tests/contracts/test_mechanisms.py::test_sensitivity_by_brute_force).
        - `event` is what `release` does (tests/contracts/test_mechanisms.py::test_noise_is_the_one_accounted).
    """

    name: ClassVar[str]
    # False for baselines: their releases are marked, recorded, and carry no guarantee.
    is_private: ClassVar[bool] = True
    # What is added: accountant, ledger and draw follow from it, and so does the norm of the sensitivity.
    noise: ClassVar[Noise]

    @abstractmethod
    def sensitivity(self, max_per_unit: int = 1) -> float:
        """Return how far what is noised moves at most when one unit with at most `max_per_unit` records comes or goes.

        In the norm that the noise asks for (`noise.norm`): L2 for Gaussian noise, L1 for Laplace noise.
        """

    @abstractmethod
    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """Return what releasing `num_queries` answers costs, for the accountant.

        Args:
            noise_std: standard deviation of the noise in each coordinate, whatever its distribution.
        """

    @property
    def tuning(self) -> Tuning | None:
        """Return k and sampling rate; None for a mechanism that has no such settings."""
        return None

    def tuned(self: "Mechanism", k: int | None = None, sampling_rate: float | None = None) -> "Mechanism":
        """Return the same mechanism with another k, sampling rate, or both; None leaves one as it is.

        Raises:
            UserError: if it has no such settings.
        """
        raise UserError(f"The mechanism {self.name} has no k and no sampling_rate to choose.")


@dataclass(frozen=True)
class PerQueryMechanism(PrivacyMechanism):
    """Releases one vector for each query, and is paid for each."""

    @abstractmethod
    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """Read the store once and return what may be published: one vector per query, float64.

        Nothing else leaves: no row ids, no counts, no vector before its noise. Call it through
        `dprdm.guarantee.release.release`, which pays.

        Args:
            queries: finite, of the store's dimension.
            noise_std: absolute, in the units of the vectors.
            noise: the source of every random draw.
            progress: called with 1 after every query.
        """

    def centres(self, queries: Queries) -> Queries:
        """Return the public vector that each release is noised around, and lies on the grid of its noise from."""
        return np.zeros(queries.shape)


class OneRelease(ABC):
    """What a mechanism released once for all queries: published as it is, it answers any number of them for free.

    Guarantee:
        - Answers are computed from the array alone (tests/contracts/test_mechanisms.py::
          test_answers_come_of_the_array_alone).
    """

    # What was released, float64: stored, certified and published.
    array: Float[ndarray, "row column"]

    @abstractmethod
    def answer(self, queries: Queries, replicates: Int[ndarray, "query"]) -> Answered:
        """Return one vector per query, with the error that is expected of it.

        Args:
            replicates: number of each request among those for the same query.
        """

    @abstractmethod
    def save(self, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write one file that answers queries without the store.

        Args:
            metadata: plain values, stored beside the array.
        """


@dataclass(frozen=True)
class OneReleaseMechanism(PrivacyMechanism):
    """Releases one thing, whatever will be asked, and answers every query from it: paid for once.

    A field that only says how the release is read is declared with `field(default=..., metadata=READING)`.
    """

    @abstractmethod
    def release(
        self, store: Store, noise_std: float, noise: SecureNoise, progress: Progress | None = None
    ) -> OneRelease:
        """Read the store once and return what may be published. See `PerQueryMechanism.release`."""

    @abstractmethod
    def restore(self, array: Float[ndarray, "row column"], noise_std: float) -> OneRelease:
        """Return the release with this array, which `release` drew with this noise, now or in another process."""

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """Return what one release costs, however many queries it answers."""
        return self.noise.event(noise_std / self.sensitivity(max_per_unit))

    def read_as(self: "Mechanism", reader: PrivacyMechanism) -> "Mechanism":
        """Return the same mechanism, its releases read as `reader` reads them; one of another kind says nothing of it."""
        if not isinstance(reader, type(self)):
            return self
        reading = [field.name for field in dataclasses.fields(self) if not READING.items() - field.metadata.items()]
        return dataclasses.replace(self, **{name: vars(reader)[name] for name in reading})


@dataclass(frozen=True)
class Terms:
    """What a release is to be for: all that a mechanism may know when it decides on public rows.

    Args:
        budget: that it may cost.
        num_queries: that it must pay for.
        records: about how many private records there are. Public knowledge, or a guess.
        max_per_unit: most records that one unit of privacy holds.
    """

    budget: Budget
    num_queries: int
    records: int
    max_per_unit: int = 1


class Preparable(ABC):
    """A mechanism that leaves something open, to be decided on public rows."""

    @abstractmethod
    def prepare(self: "Prepared", public: PublicKnowledge, terms: Terms) -> "Prepared":
        """Return the same mechanism with what it left open decided on public rows.

        Called before the plan is drawn up, so that what was decided is in the plan, the ledger and the certificate. The
        same rows and terms decide the same.
        """
