"""How good an approximate table of neighbours is: compared with an exact search, on a sample of rows."""

import numpy as np

from dprdm.retrieval.store import PublicStore

BLOCK = 4096
SAMPLE = 200
# How far equal float32 scores may lie apart.
SAME_SCORE = 1e-6


def recall(store: PublicStore, table: np.ndarray, copies_above: float) -> float:
    """Return the share of the true neighbours that `table` (row, k) has, on an even sample of rows.

    Args:
        store: whose rows they are; read block by block.
        table: neighbours found.
        copies_above: rows with a larger inner product are copies, which are no neighbours.
    """
    rows = np.unique(np.linspace(0, len(store) - 1, min(SAMPLE, len(store))).astype(np.int64))
    queries, k = store.vectors(rows), table.shape[1]
    best = np.full((len(rows), k), -2, np.float32)
    for start in range(0, len(store), BLOCK):
        scores = queries @ store.vectors(np.arange(start, min(start + BLOCK, len(store)))).T
        scores[scores > copies_above] = -2  # copies, and the row itself
        best = np.partition(np.concatenate([best, scores], axis=1), -k, axis=1)[:, -k:]
    least = best.min(1)
    scores_of_table = [
        store.vectors(table[row].astype(np.int64)) @ query for row, query in zip(rows, queries, strict=True)
    ]
    hits = [
        ((scores >= bound - SAME_SCORE) & (scores <= copies_above)).mean()
        for scores, bound in zip(scores_of_table, least, strict=True)
    ]
    return float(np.mean(hits))
