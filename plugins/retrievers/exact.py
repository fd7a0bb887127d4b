"""Exact search among the rows of a private sample, with scores that are integers."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float

from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Query, RankedRowIds, RowIds

SCALE = 2.0**15
BLOCK = 256  # rows whose scores are computed together: few enough to stay in the cache


@final
@dataclass(frozen=True)
class Exact(Retriever):
    """The rows with the largest inner product, ties by ascending row.

    A matrix product in floating point may round a row's score differently by where the row stands in its block, so that
    one record's absence moves the scores of others. Here vectors are rounded to multiples of 2^-15 first: products and
    every partial sum are then integers below 2^53, exact in float64 whatever the order.

    Guarantee:
        - A row's score is a function of that row and the query
          (tests/contracts/test_retrievers.py::test_hazard_07_scores_are_per_record).
        - Ties at the k-th place go by row (tests/plugins/test_exact.py::test_ties_go_by_row).
    """

    name: ClassVar[str] = "exact"
    reads_private: ClassVar[bool] = True

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """At most `k` of `rows`, best first. See `Retriever.search`."""
        return search(query, store, rows, k)


def search(query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
    """At most `k` of `rows`, by descending inner product with `query`, ties by ascending row."""
    target = quantise(query)
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    scores = np.concatenate([np.zeros(0), *(quantise(store.vectors(block)) @ target for block in blocks)])
    if k < len(rows):
        kept = np.flatnonzero(scores >= np.partition(scores, -k)[-k])  # k, and those tied with the last of them
        rows, scores = rows[kept], scores[kept]
    return rows[np.lexsort((rows, -scores))[:k]]


def quantise(vectors: Embeddings | Query) -> Float[np.ndarray, "..."]:
    """Integers in [-2^15, 2^15], as float64: the vectors in units of 2^-15, cut off at 1."""
    scaled = np.clip(vectors, -1, 1)
    scaled *= SCALE
    return np.rint(scaled, out=scaled).astype(np.float64)
