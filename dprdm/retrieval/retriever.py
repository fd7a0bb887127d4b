"""What a retriever must be."""

from abc import ABC, abstractmethod
from typing import ClassVar

from dprdm.retrieval.store import Store
from dprdm.types import Query, RankedRowIds, RowIds


class Retriever(ABC):
    """Finds the rows nearest to a query. A subclass is a frozen dataclass: its fields are public, data are arguments.

    The sensitivity of every mechanism rests on one clause: a record's score depends on that record and the query alone,
    and ties go by row order. Then a record that comes or goes displaces at most one other of the first k. An index
    whose cells, codes or graph were learnt from private rows breaks it, and must not be one of these.

    Guarantee:
        - The clause holds for every retriever here
          (tests/contracts/test_retrievers.py::test_hazard_07_scores_are_per_record).
    """

    name: ClassVar[str]
    # Whether it searches a private store (charged to its ledger) or a public one (free).
    reads_private: ClassVar[bool]

    @abstractmethod
    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """At most `k` of `rows`, best first: fewer where there are fewer, never -1, never a row outside `rows`.

        Args:
            query: unit norm.
            rows: ids to search among, ascending and distinct.
        """

    def require_store(self, store: Store) -> None:  # noqa: B027 - most retrievers search any store
        """Raise UserError if this retriever cannot search `store`: asked before anything is charged or read."""
