"""The same search over a public store: what can be had without reading a private record, at epsilon 0."""

from dataclasses import dataclass
from typing import ClassVar, final

from dprdm.plugins.retrievers.exact import search
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Query, RankedRowIds, RowIds


@final
@dataclass(frozen=True)
class Public(Retriever):
    """The public rows with the largest inner product, ties by ascending row. From a `PublicStore`; charges nothing."""

    name: ClassVar[str] = "public"
    reads_private: ClassVar[bool] = False

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return at most `k` of `rows`, best first. See `Retriever.search`."""
        return search(query, store, rows, k)
