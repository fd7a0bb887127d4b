"""What a privacy mechanism must be: the object that adds the noise is the object that states what it added."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from dp_accounting.dp_event import DpEvent
from jaxtyping import Float, Int
from numpy import ndarray

from dprdm.errors import UserError
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import PublicKnowledge
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Answered, Queries

# Called with the number of queries that were just finished, as tqdm's `update` is.
Progress: TypeAlias = Callable[[int], object]


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


class PrivacyMechanism(ABC):
    """Turns queries and private rows into vectors that may be published. A subclass is a final frozen dataclass.

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
    # True for a mechanism that releases one thing, whatever is asked, and answers every query from that: paid for once.
    answers_all_after_one_release: ClassVar[bool] = False

    # True for a mechanism that leaves something open for `prepare` to decide on public rows.
    learns_from_public: ClassVar[bool] = False

    # Fields that say how a release is read, not how it is made: with others of these, a stored release still answers.
    reading_fields: ClassVar[tuple[str, ...]] = ()

    def prepare(self, public: PublicKnowledge, terms: Terms) -> "PrivacyMechanism":
        """The same mechanism with what it left open decided on public rows; most leave nothing open.

        Called before the plan is made, so that what was decided is in the plan, the ledger and the certificate. The same
        rows and terms decide the same.
        """
        return self

    @abstractmethod
    def sensitivity(self, max_per_unit: int = 1) -> float:
        """Largest L2 change of what is noised when one unit with at most `max_per_unit` records comes or goes."""

    @abstractmethod
    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """What releasing `num_queries` answers with this noise costs, for the accountant."""

    @abstractmethod
    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Float[ndarray, "row column"]:
        """Read the store once and return what may be published: one vector per query, or one thing that answers all.

        Nothing else leaves: no row ids, no counts, no vector before its noise. Call it through `retrieval.release`,
        which pays.

        Args:
            queries: finite, of the store's dimension.
            noise_std: absolute, in the units of the vectors.
        """

    def answer(
        self,
        queries: Queries,
        replicates: Int[ndarray, "query"],
        released: Float[ndarray, "row column"],
        noise_std: float,
    ) -> Answered:
        """One vector per query from what was released: post-processing, free. The release itself, unless overridden.

        Args:
            replicates: number of each request among those for the same query.
            noise_std: of the noise in `released`.
        """
        return Answered(released, np.full(len(released), noise_std))

    def write(self, released: Float[ndarray, "row column"], metadata: dict[str, Any], path: Path) -> None:
        """Write what was released once, so that it answers queries without the store; for such mechanisms only.

        Args:
            metadata: plain values, kept beside it.
        """
        raise UserError(f"The mechanism {self.name} releases for each query; there is no one file to write.")
