"""Exact search by faiss among the rows of a private sample. Needs one of the extras [cpu] and [gpu]."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Int

from dprdm.faiss_library import load_faiss
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Query, RankedRowIds, RowIds
from plugins.retrievers import exact

# Candidates beyond k that are asked for at first.
MARGIN = 64


@final
@dataclass(frozen=True)
class FaissFlat(Retriever):
    """The rows with the largest inner product, ties by ascending row: what `exact` returns, found with float32 scores.

    The sampled rows are gathered first and only they are searched: no id selector, no padding. faiss names candidates
    by float32 scores, whose last bits may depend on a row's neighbours in memory; `exact` ranks the candidates. The
    candidates are all rows that float error could hide (`error_bound`), so none of it shows in the result.

    Raises:
        UserError: when it is made, if faiss is missing or installed twice; nothing has been charged by then.
    Guarantee:
        - The result is that of `exact` (tests/contracts/test_retrievers_faiss.py::test_same_neighbours_as_exact), whose
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
        """At most `k` of `rows`, best first. See `Retriever.search`."""
        return search(query, store, rows, k)


def search(query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
    """At most `k` of `rows`, exactly as `plugins.retrievers.exact.search` ranks them."""
    if len(rows) > k + MARGIN:
        rows = rows[candidates(query, store.vectors(rows), k)]
    return exact.search(query, store, rows, k)


def candidates(query: Query, vectors: Embeddings, k: int) -> Int[np.ndarray, "candidate"]:
    """Positions, ascending, that hold the exact first `k`, and every other one tied with the last of them.

    Let E bound the distance between a float32 score and the exact one, and s be the k-th largest float32 score. k rows
    have exact scores of at least s - E; so a row of the exact first k has one too, and a float32 score of at least
    s - 2E. Rows are asked for until one below that turns up. A row that is not finite makes all rows candidates.
    """
    index = load_faiss().IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    margin, count = 2 * error_bound(query, vectors), k + MARGIN
    while count < len(vectors):
        scores, found = index.search(query.astype(np.float32)[None], count)
        if scores[0, -1] < scores[0, k - 1] - margin:
            return np.sort(found[0][found[0] >= 0])
        count *= 4
    return np.arange(len(vectors))


def error_bound(query: Query, vectors: Embeddings) -> float:
    """Largest distance between faiss's score of one of these rows and its exact score on the grid of `exact`.

    Three parts, for rows of norm up to n and a query of norm q: float32 sums in any order, gamma(dim + 2) * n * q;
    rounding to the grid, half a step in each coordinate; and cutting off at 1, which moves a vector no further than to
    the unit ball.
    """
    dim, step = vectors.shape[1], 1 / exact.SCALE
    row = math.sqrt(float(np.einsum("rd,rd->r", vectors, vectors, dtype=np.float64).max()))
    asked = float(np.linalg.norm(query.astype(np.float64)))
    summed = (dim + 2) * 2.0**-24 / (1 - (dim + 2) * 2.0**-24) * row * asked
    rounded = step / 2 * math.sqrt(dim) * (row + asked) + dim * step**2 / 4
    cut = max(row - 1, 0) * asked + max(asked - 1, 0) * row
    return (summed + rounded + cut) * (1 + 1e-6)
