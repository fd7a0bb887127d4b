"""Exact search by faiss among the rows of a private sample. Needs one of the extras [cpu] and [gpu]."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Int

from dprdm.plugins.retrievers import exact
from dprdm.retrieval.faiss_library import load_faiss
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Query, RankedRowIds, RowIds

# Candidates beyond k that are asked for at first.
MARGIN = 64


@final
@dataclass(frozen=True)
class FaissFlat(Retriever):
    """The rows with the largest inner product, ties by ascending row: what `exact` returns, found with float32 scores.

    The sampled rows are gathered first and only they are searched: no id selector, no padding. faiss names candidates
    by float32 scores, whose last bits may depend on a row's neighbours in memory; `exact` ranks the candidates. The
    candidates are all rows that float error could hide (`exact.least_score`), so none of it shows in the result.

    Raises:
        UserError: when it is made, if faiss is missing or installed twice; nothing has been charged by then.
    Guarantee:
        - The result is that of `exact` (tests/plugins/test_inner_product.py::test_same_neighbours_as_exact), whose
          scores are functions of one row and the query.
        - Only sampled rows are searched, whatever faiss does with id selectors
          (tests/plugins/test_faiss_flat.py::test_hazard_08_only_sampled_rows_are_searched).
        - Short samples give fewer rows, never -1 (tests/plugins/test_faiss_flat.py::test_hazard_06_no_padding).
    """

    name: ClassVar[str] = "faiss_flat"
    reads_private: ClassVar[bool] = True

    def __post_init__(self) -> None:
        load_faiss()

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return at most `k` of `rows`, best first. See `Retriever.search`."""
        return search(query, store, rows, k)


def search(query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
    """Return at most `k` of `rows`, exactly as `dprdm.plugins.retrievers.exact.search` ranks them."""
    if len(rows) > k + MARGIN:
        rows = rows[candidates(query, store.vectors(rows), k)]
    return exact.rank(query, store, rows, k)


def candidates(query: Query, vectors: Embeddings, k: int) -> Int[np.ndarray, "candidate"]:
    """Return positions, ascending, that hold the exact first `k`, and every other one tied with the last of them.

    Rows are asked for until one turns up that is below the `least_score` of the exact first k. A row that is not finite
    makes all rows candidates.
    """
    index = load_faiss().IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    longest, count = exact.longest_row(vectors), k + MARGIN
    while count < len(vectors):
        scores, ids = index.search(query.astype(np.float32)[None], count)
        if scores[0, -1] < exact.least_score(float(scores[0, k - 1]), exact.error_bound(query, longest)):
            return np.sort(ids[0][ids[0] >= 0])
        count *= 4
    return np.arange(len(vectors))
