"""What a retriever must be, and the check of what it returns."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from dprdm.errors import PluginError
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
        """Return at most `k` of `rows`, best first: each once, fewer where there are fewer, never a row outside `rows`.

        Args:
            query: unit norm.
            rows: ids to search among, ascending and distinct.
        """

    def require_store(self, store: Store) -> None:  # noqa: B027 - most retrievers search any store
        """Raise UserError if this retriever cannot search `store`: called before anything is charged or read."""


def checked_search(retriever: Retriever, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
    """Return what `Retriever.search` returns, after a check of what the sensitivity rests on.

    Raises:
        PluginError: unless these are at most `k` rows, each once, all of them among `rows`. It names no row.
    Guarantee:
        - Padding, repeated rows and rows that were not sampled are refused before anything is noised
          (tests/guarantee/test_sampled_mean.py::test_hazard_27_what_a_retriever_returns_is_checked).
    """
    nearest = retriever.search(query, store, rows, k)
    positions = np.searchsorted(rows, nearest)  # `rows` ascend: the time hardly grows with their number
    are_sampled = np.all(positions < len(rows)) and np.array_equal(rows[positions], nearest)
    if len(nearest) > k or len(np.unique(nearest)) < len(nearest) or not are_sampled:
        raise PluginError(
            f"Expected at most k distinct rows of the sample from the retriever {retriever.name}; it returned others. "
            "Nothing was released. Report it to the author of the retriever, and use another, such as exact."
        )
    return nearest
