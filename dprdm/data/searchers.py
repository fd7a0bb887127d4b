"""Search among all rows of a public store: by numpy, or by faiss on the CPU or on GPUs. Of private rows, see plugins/retrievers."""

from abc import ABC, abstractmethod
from importlib.metadata import version
from typing import Any, Literal, final

import numpy as np
from jaxtyping import Float, Int

from dprdm import check
from dprdm.errors import UserError
from dprdm.retrieval.faiss_library import installed_distributions, load_faiss
from dprdm.retrieval.store import PublicStore
from dprdm.types import Embeddings

Scores = Float[np.ndarray, "query candidate"]
Candidates = Int[np.ndarray, "query candidate"]
Device = Literal["auto", "cpu", "gpu"]

SCORES_AT_ONCE = 1 << 26
ADDED_AT_ONCE = 1 << 16
# Points that k-means needs for each list, as faiss advises.
TRAINED_PER_LIST = 64
MOST_ON_GPU = 2048  # neighbours that faiss finds on a GPU


class Searcher(ABC):
    """Finds the rows with the largest inner product."""

    is_exact: bool
    most: int  # candidates that it can be asked for

    @property
    @abstractmethod
    def description(self) -> str:
        """What searches, and its version."""

    @abstractmethod
    def search(self, queries: Embeddings, count: int) -> tuple[Scores, Candidates]:
        """Return the `count` best rows of each query, best first; -1 where there are fewer."""


@final
class NumpySearcher(Searcher):
    """All inner products, a block at a time."""

    is_exact = True

    def __init__(self, store: PublicStore) -> None:
        self.rows = store.vectors(np.arange(len(store)))
        self.most = len(store)

    @property
    def description(self) -> str:
        """numpy and its version."""
        return f"numpy {np.__version__}"

    def search(self, queries: Embeddings, count: int) -> tuple[Scores, Candidates]:
        """Return the best rows of each query; see `Searcher.search`."""
        step = max(1, SCORES_AT_ONCE // len(self.rows))
        parts = [self._block(queries[start : start + step], count) for start in range(0, len(queries), step)]
        return np.concatenate([scores for scores, _ in parts]), np.concatenate([rows for _, rows in parts])

    def _block(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        scores = queries @ self.rows.T
        if count < scores.shape[1]:
            nearest = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        else:
            nearest = np.tile(np.arange(scores.shape[1]), (len(scores), 1))
        nearest_scores = np.take_along_axis(scores, nearest, 1)
        order = np.argsort(-nearest_scores, axis=1, kind="stable")
        return np.take_along_axis(nearest_scores, order, 1), np.take_along_axis(nearest, order, 1)


@final
class FaissSearcher(Searcher):
    """A flat index of faiss, or lists of it of which only the nearest are searched.

    Args:
        store: its rows are public, so lists may be learned from them.
        device: `gpu` uses all there are; `auto` uses them where there are any.
        lists: inverted lists; 0: none, and the search is exact.
        probes: lists searched.
    """

    def __init__(self, store: PublicStore, device: Device = "auto", lists: int = 0, probes: int = 32) -> None:
        check.at_least(0, lists=lists)
        check.at_least(1, probes=probes)
        self.faiss, self.is_exact = load_faiss(), lists == 0 or probes >= lists
        self.gpus = self._gpus(device)
        self.kind = "Flat" if lists == 0 else f"IVF{lists},Flat, {min(probes, lists)} probes,"
        self.most = min(len(store), MOST_ON_GPU) if self.gpus else len(store)
        index = self.faiss.index_factory(
            store.dim, f"IVF{lists},Flat" if lists else "Flat", self.faiss.METRIC_INNER_PRODUCT
        )
        if lists:
            index.train(_even_sample(store, lists * TRAINED_PER_LIST))
            index.nprobe = min(probes, lists)
        for start in range(0, len(store), ADDED_AT_ONCE):
            index.add(store.vectors(np.arange(start, min(start + ADDED_AT_ONCE, len(store)))))
        self.index = self._on_gpus(index) if self.gpus else index

    @property
    def description(self) -> str:
        """The distribution, its version, the index and the device."""
        (distribution,) = installed_distributions() or ["faiss"]
        installed = (
            f"{distribution} {version(distribution)}" if distribution != "faiss" else f"faiss {self.faiss.__version__}"
        )
        return f"{installed}, {self.kind} on {f'{self.gpus} GPU' if self.gpus else 'the CPU'}"

    def search(self, queries: Embeddings, count: int) -> tuple[Scores, Candidates]:
        """Return the best rows of each query; see `Searcher.search`."""
        scores, ids = self.index.search(np.ascontiguousarray(queries, np.float32), count)
        return scores, ids

    def _gpus(self, device: Device) -> int:
        count = self.faiss.get_num_gpus()  # faiss-cpu says 0
        if device == "gpu" and not count:
            raise UserError(
                "Expected a GPU that faiss can use, and it finds none. Install dprdm[gpu] in place of dprdm[cpu], or say "
                "--device cpu."
            )
        return 0 if device == "cpu" else count

    def _on_gpus(self, index: Any) -> Any:
        options = self.faiss.GpuMultipleClonerOptions()
        options.shard = True  # each GPU holds a part, so that the rows need not fit into one
        return self.faiss.index_cpu_to_all_gpus(index, options)


def _even_sample(store: PublicStore, count: int) -> Embeddings:
    return store.vectors(np.unique(np.linspace(0, len(store) - 1, min(count, len(store))).astype(np.int64)))
