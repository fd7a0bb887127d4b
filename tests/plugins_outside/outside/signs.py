"""A retriever: the rows whose signs agree with the query's in most coordinates."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Query, RankedRowIds, RowIds


@final
@dataclass(frozen=True)
class Signs(Retriever):
    """Rank rows by the number of coordinates that have the query's sign, ties by ascending row."""

    name: ClassVar[str] = "signs"
    reads_private: ClassVar[bool] = True

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return at most `k` of `rows`, best first. See `Retriever.search`."""
        agreeing = ((store.vectors(rows) > 0) == (query > 0)).sum(axis=1)
        return rows[np.argsort(-agreeing, kind="stable")[:k]]
