"""Search in the cells nearest to a query; the cells were learnt from public rows alone. Needs the extra [cpu] or [gpu]."""

import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dprdm import check
from dprdm.errors import StoreError, UserError
from dprdm.files import hash_file, write_whole
from dprdm.plugins.retrievers import faiss_flat
from dprdm.retrieval.faiss_library import load_faiss
from dprdm.retrieval.lattice import quantise
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import PublicStore, Store
from dprdm.types import Embeddings, Query, RankedRowIds, RowIds

BLOCK = 1024
ROWS_PER_CELL = 256
NOT_YET = -1
PRIVATE_REFUSED = (
    "centroids learnt from private rows move when one record comes or goes, and with them the neighbours of every "
    "query, so the sensitivity would not hold. Train it on a public store."
)


@dataclass(frozen=True, eq=False)
class Quantizer:
    """Unit centroids of public rows, and where they came from."""

    centroids: Float[np.ndarray, "cell dim"]
    store_fingerprint: str
    encoder: dict[str, str]

    def cells(self, vectors: Embeddings) -> Int[np.ndarray, "row"]:
        """Return the nearest centroid of each row, by the integer scores of `exact`, ties by number: of that row alone."""
        blocks = [vectors[start : start + BLOCK] for start in range(0, len(vectors), BLOCK)]
        return np.concatenate([np.zeros(0, np.int64), *(self._scores(block).argmax(axis=1) for block in blocks)])

    def nearest(self, query: Query, count: int) -> Int[np.ndarray, "cell"]:
        """Return the `count` cells nearest to a query, nearest first."""
        return np.argsort(-self._scores(query[None])[0], kind="stable")[:count]

    def _scores(self, vectors: Embeddings) -> Float[np.ndarray, "row cell"]:
        return np.asarray(quantise(vectors) @ quantise(self.centroids).T)


@final
@dataclass(frozen=True)
class FaissIvf(Retriever):
    """Among the rows in the `nprobe` cells nearest to the query, those with the largest inner product.

    Rows elsewhere do not compete, however near they are. A row's cell is a function of that row and of public
    centroids, so whether it competes, and with what score, depends on no other row.

    Args:
        quantizer: a file that `train_quantizer` wrote, from a public store.
        nprobe: cells searched; with all of them the result is that of `exact`.
    Raises:
        UserError: when it is made, if the file is not such a quantizer, or faiss is missing; nothing has been charged.
        StoreError: if the store was made with another encoder than the quantizer's; nothing has been charged either.
    Guarantee:
        - One record moves the mean by at most 2 clip_norm / k
          (tests/contracts/test_private_retrievers.py::test_hazard_07_one_record_moves_the_mean_within_its_bound).
        - A quantizer of private rows would break that
          (tests/contracts/test_private_retrievers.py::test_hazard_07_a_quantizer_of_private_rows_breaks_the_bound), and
          is refused (tests/plugins/test_faiss_ivf.py::test_hazard_07_private_quantizers_are_refused).
    """

    name: ClassVar[str] = "faiss_ivf"
    reads_private: ClassVar[bool] = True

    quantizer: Path
    nprobe: int = 8
    # Of the quantizer's file: certified, and part of a stored release's name.
    quantizer_sha256: str = field(init=False)

    def __post_init__(self) -> None:
        load_faiss()
        loaded = load_quantizer(self.quantizer)
        check.in_range(1, len(loaded.centroids), nprobe=self.nprobe)
        object.__setattr__(self, "quantizer_sha256", hash_file(self.quantizer))

    def require_store(self, store: Store) -> None:
        """Raise unless the quantizer's rows were another store's, of the same encoder."""
        _open_cells(self, store)

    def search(self, query: Query, store: Store, rows: RowIds, k: int) -> RankedRowIds:
        """Return at most `k` of `rows`, best first. See `Retriever.search`."""
        quantizer, cells = _open_cells(self, store)
        unknown = rows[cells[rows] == NOT_YET]
        cells[unknown] = quantizer.cells(store.vectors(unknown))
        probed = np.isin(cells[rows], quantizer.nearest(query, self.nprobe))
        return faiss_flat.search(query, store, rows[probed], k)


@functools.lru_cache(maxsize=1)
def _open_cells(retriever: FaissIvf, store: Store) -> tuple[Quantizer, Int[np.ndarray, "row"]]:
    """The quantizer, and each row's cell as far as it was needed: kept while the same store is searched."""
    quantizer = load_quantizer(retriever.quantizer)
    if hash_file(retriever.quantizer) != retriever.quantizer_sha256:
        raise UserError(f"The quantizer {retriever.quantizer} was changed while it was in use. Start again.")
    if quantizer.store_fingerprint == store.fingerprint:
        raise UserError(f"Expected {retriever.quantizer} to be trained on another store: {PRIVATE_REFUSED}")
    store.require_encoder(quantizer.encoder)
    return quantizer, np.full(len(store), NOT_YET, np.int64)


def train_quantizer(public_store: PublicStore, cells: int, path: Path) -> None:
    """Learn `cells` unit centroids of a public store's rows by spherical k-means, and write them to `path`.

    train_quantizer(PublicStore(Path("stores/public")), cells=1024, path=Path("stores/public/cells.safetensors"))

    Raises:
        UserError: if the store is not public, or has fewer rows than cells.
    """
    if not isinstance(public_store, PublicStore):
        raise UserError(f"Expected a public store to train a quantizer on, got {public_store.path}: {PRIVATE_REFUSED}")
    check.in_range(1, len(public_store), cells=cells)
    number = min(len(public_store), cells * ROWS_PER_CELL)
    rows = np.unique(np.linspace(0, len(public_store) - 1, number).astype(np.int64))
    centroids = _spherical_kmeans(public_store.vectors(rows), cells)
    source = {
        "kind": public_store.kind,
        "store_fingerprint": public_store.fingerprint,
        "encoder": json.dumps(public_store.manifest.encoder),
    }
    write_whole(path, lambda tmp_path: save_file({"centroids": centroids}, tmp_path, source))


def load_quantizer(path: Path) -> Quantizer:
    """Load the quantizer in a file. Raises UserError if it is not one of public rows, StoreError if it is damaged."""
    check.file(quantizer=path)
    try:
        with safe_open(path, framework="np") as content:
            source, centroids = content.metadata() or {}, content.get_tensor("centroids")
        quantizer = Quantizer(centroids, source["store_fingerprint"], json.loads(source["encoder"]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise StoreError(f"Expected a quantizer in {path}; it is damaged or something else. Train it again.") from error
    if source.get("kind") != PublicStore.kind:
        raise UserError(f"Expected a quantizer of public rows in {path}: {PRIVATE_REFUSED}")
    return quantizer


def _spherical_kmeans(vectors: Embeddings, cells: int) -> Float[np.ndarray, "cell dim"]:
    faiss: Any = load_faiss()
    means = faiss.Kmeans(vectors.shape[1], cells, spherical=True, niter=20, seed=1, min_points_per_centroid=1)
    means.train(vectors)
    return np.ascontiguousarray(means.centroids, dtype=np.float32)
