"""A plugin of one's own: a retriever in one file, used as an object. docs/extending.md says how it gets a short name.

python examples/own_plugin.py [FOLDER]
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np

import dprdm
from dprdm.demo.fashion import FashionDemo
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Query, RankedRowIds, RowIds


@final
@dataclass(frozen=True)
class SignRetriever(Retriever):
    """Rank rows by how many signs they share with the query: a score of the row and the query alone, ties by row."""

    name: ClassVar[str] = "signs"
    reads_private: ClassVar[bool] = True

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return at most `k` of `rows`, best first."""
        agreements = (np.sign(store.vectors(rows)) == np.sign(query)).sum(axis=1)
        return rows[np.argsort(-agreements, kind="stable")[:k]]


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples/own_plugin")
store = dprdm.index(FashionDemo("heldout_dark"), encoder="demo", out=folder / "store")
mechanism = dprdm.Gaussian(k=30, sampling_rate=0.1)
plan = dprdm.plan(store, mechanism, epsilon=5, delta=1e-5, num_queries=10, retriever=SignRetriever())
release = dprdm.release(store, ["pullover"], plan)
print(f"Released by {release.certificate.retriever['name']}; epsilon {release.certificate.epsilon:.3g}.")
