"""What a privacy mechanism must be: the object that adds the noise is the object that states what it added."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeAlias

from dp_accounting.dp_event import DpEvent
from jaxtyping import Float
from numpy import ndarray

from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Queries

# Called with the number of queries that were just finished, as tqdm's `update` is.
Progress: TypeAlias = Callable[[int], object]


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

    def answer(self, queries: Queries, released: Float[ndarray, "row column"]) -> Float[ndarray, "query dim"]:
        """One vector per query from what was released: post-processing, free. The release itself, unless overridden."""
        return released
