"""The mean of a prompt's nearest public images: what a generator is trained to draw from, without noise."""

import numpy as np

from dprdm.retrieval.store import PublicStore
from dprdm.types import Queries, Query, Released, RowIds

BLOCK = 65_536  # rows scored together


def nearest_means(queries: Queries, store: PublicStore, k: int) -> Released:
    """Return, of each query, the mean of its k nearest public rows, or of all where there are fewer."""
    return np.stack([store.vectors(_nearest(query, store, min(k, len(store)))).mean(0) for query in queries])


def _nearest(query: Query, store: PublicStore, k: int) -> RowIds:
    starts = range(0, len(store), BLOCK)
    scores = [store.vectors(np.arange(start, min(start + BLOCK, len(store)))) @ query for start in starts]
    return np.sort(np.argsort(-np.concatenate(scores), kind="stable")[:k])
