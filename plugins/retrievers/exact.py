"""Exact search among the rows of a private sample: float32 finds candidates, integers rank them."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Int

from dprdm.retrieval.lattice import SCALE, quantise
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Embeddings, Query, RankedRowIds, RowIds

# Relative error of one rounding to float32. A term that is rounded t times on its way into a sum errs by gamma, relatively:
# t * HALF_ULP / (1 - t * HALF_ULP).
HALF_ULP = 2.0**-24
BLOCK = 1024  # rows read and scored together: few enough to stay in the cache


@final
@dataclass(frozen=True)
class Exact(Retriever):
    """The rows with the largest inner product, ties by ascending row.

    A matrix product in floating point may round a row's score differently by where the row stands in its block, so that
    one record's absence moves the scores of others. Here vectors are rounded to multiples of 2^-15 first: products and
    every partial sum are then integers below 2^53, exact in float64 whatever the order. Those integers are computed for
    the few rows that float32 cannot rule out (`least_score`), so the cost is that of reading the sample once.

    Guarantee:
        - A row's score is a function of that row and the query
          (tests/contracts/test_retrievers.py::test_hazard_07_scores_are_per_record).
        - Float32 rules out no row of the first k (tests/plugins/test_exact.py::test_same_as_ranking_all).
        - Ties at the k-th place go by row (tests/plugins/test_exact.py::test_ties_go_by_row).
    """

    name: ClassVar[str] = "exact"
    reads_private: ClassVar[bool] = True

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return at most `k` of `rows`, best first. See `Retriever.search`."""
        return rank(query, store, candidates(query, store, rows, k), k)


def search(query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
    """Return at most `k` of `rows`, by descending inner product with `query`, ties by ascending row."""
    return rank(query, store, candidates(query, store, rows, k), k)


def rank(query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
    """Return what `search` returns, from the exact scores of all of `rows`."""
    target = quantise(query)
    scores = np.empty(len(rows))
    for start in range(0, len(rows), BLOCK):
        scores[start : start + BLOCK] = quantise(store.vectors(rows[start : start + BLOCK])) @ target
    return rows[np.lexsort((rows, -scores))[:k]]


@np.errstate(over="ignore", invalid="ignore")
def candidates(query: Query, store: Store, rows: RowIds, k: int) -> Int[np.ndarray, "candidate"]:
    """Return the `rows`, ascending, that may be among the first `k`: these `k`, and few others.

    Where rows are so long, or damaged, that float32 says nothing of them, all are.
    """
    if len(rows) <= k:
        return rows
    scores, longest, target = np.empty(len(rows), np.float32), 1.0, query.astype(np.float32)
    buffer = np.empty((min(len(rows), BLOCK), store.dim), np.float32)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        vectors = store.vectors(block, buffer[: len(block)])
        scores[start : start + BLOCK] = vectors @ target
        longest = max(longest, longest_row(vectors))
    kth = float(np.partition(scores, -k)[-k])
    least = least_score(kth, error_bound(query, longest))
    return rows[~(scores.astype(np.float64) < least)]  # all of them if the bound is NaN


def least_score(kth: float, error: float) -> float:
    """Return the least float32 score that a row of the exact first k may have, where the k-th largest float32 score is `kth`.

    Let E = `error` bound the distance between a row's float32 score and its exact one. k rows have float32 scores of at least
    kth, so exact ones of at least kth - E. The exact first k have no less, so float32 scores of at least kth - 2E.
    """
    return kth - 2 * error


def error_bound(query: Query, longest: float) -> float:
    """Return the largest distance between a float32 score of a row of norm up to `longest` and its exact score on the grid.

    Infinity where float32 might overflow. Else three parts, for rows of norm up to n >= 1 and a query of norm q: the
    query's rounding and float32 sums in any order, gamma * n * q, with gamma of dim + 2 roundings; rounding to the grid,
    half a step in each coordinate; and cutting off at 1, which moves a vector no further than to the unit ball. A millionth
    on top is more than float64 needs for this sum, and more than all products that are too small for float32.
    """
    dim, step, query_norm = len(query), 1 / SCALE, float(np.linalg.norm(query.astype(np.float64)))
    if not longest * query_norm < 2.0**120:
        return math.inf
    summed = (dim + 2) * HALF_ULP / (1 - (dim + 2) * HALF_ULP) * longest * query_norm
    rounded = step / 2 * math.sqrt(dim) * (longest + query_norm) + dim * step**2 / 4
    cut = (longest - 1) * query_norm + max(query_norm - 1, 0) * longest
    return (summed + rounded + cut) * (1 + 1e-6)


def longest_row(vectors: Embeddings) -> float:
    """Return an upper bound on the norms of these float32 rows and on 1; infinity if they are too long to tell, or NaN."""
    squares = np.matmul(vectors[:, None, :], vectors[:, :, None])  # a dot product a row: half the time of einsum
    rounded = vectors.shape[1] * HALF_ULP
    square = float(squares.max(initial=0)) / (1 - rounded / (1 - rounded))
    return max(1.0, math.sqrt(square)) * (1 + 1e-9) if math.isfinite(square) else math.inf
