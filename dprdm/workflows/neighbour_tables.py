"""Find the nearest public images of every public image once, before training, and leave the table beside the store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tqdm import tqdm

from dprdm import check
from dprdm.data.neighbours import TableManifest, build_table, find_table, table_path
from dprdm.data.searchers import Device, FaissSearcher, NumpySearcher, Searcher
from dprdm.retrieval.faiss_library import installed_distributions
from dprdm.retrieval.store import PublicStore

Method: TypeAlias = Literal["auto", "flat", "ivf", "numpy"]


@dataclass(frozen=True)
class NeighbourSearch:
    """How neighbours are searched.

    Args:
        method: flat and ivf are faiss's: all rows, or the nearest of lists; auto: flat where faiss is installed, else numpy.
        device: where faiss searches.
        lists: of ivf; by default four times the root of the number of images.
        probes: lists of ivf that are searched for an image.
    """

    method: Method = "auto"
    device: Device = "auto"
    lists: int | None = None
    probes: int = 32

    def searcher(self, store: PublicStore) -> Searcher:
        """Return what searches a store. Raises UserError if faiss is missing, or cannot use the device."""
        if self.method == "numpy":
            return NumpySearcher(store)
        if self.method == "auto" and self.device != "gpu" and not installed_distributions():
            return NumpySearcher(store)
        if self.method == "ivf":
            return FaissSearcher(store, self.device, self.lists or max(1, round(4 * len(store) ** 0.5)), self.probes)
        return FaissSearcher(store, self.device)


@dataclass(frozen=True)
class NeighbourTable:
    """A table of neighbours: what it is, where it is, and whether it was made now."""

    manifest: TableManifest
    path: Path
    is_new: bool


def build_neighbours(store: PublicStore, k: int, search: NeighbourSearch | None = None) -> NeighbourTable:
    """Find the k nearest other images of every public image. Interrupted, the same call goes on from there.

    Args:
        store: public images.
        k: neighbours an image.
        search: how to search, where there is no table of k neighbours yet.
    Raises:
        UserError: if there are not that many other images, or faiss cannot search as it should.
    """
    check.at_least(1, k=k)
    manifest = find_table(store, k)
    if manifest is not None and manifest.k == k:
        return NeighbourTable(manifest, table_path(store, k), is_new=False)
    searcher = (search or NeighbourSearch()).searcher(store)
    with tqdm(total=len(store), desc="Searching", unit="image") as progress:
        manifest = build_table(store, k, searcher, progress)
    return NeighbourTable(manifest, table_path(store, k), is_new=True)
