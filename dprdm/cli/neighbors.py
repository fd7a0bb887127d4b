"""`main.py neighbors`: the neighbours of public images, found once, before training."""

from pathlib import Path
from typing import Literal

from tqdm import tqdm

from dprdm import check
from dprdm.data.neighbours import TableManifest, build_table, find_table, table_path
from dprdm.data.searchers import Device, FaissSearcher, NumpySearcher, Searcher
from dprdm.retrieval.faiss_library import installed_distributions
from dprdm.retrieval.store import PublicStore


def neighbors(
    store: Path,
    k: int = 4,
    method: Literal["auto", "flat", "ivf", "numpy"] = "auto",
    device: Device = "auto",
    lists: int | None = None,
    probes: int = 32,
) -> None:
    """Find the k nearest public images of every public image, for training. Interrupted, the same command goes on from there.

    The image itself and its exact copies are left out. `fit` takes the table where it finds one that is large enough: for
    its `spread` where the config sets that, else for its `k`; without one it searches with numpy when training starts.

    Args:
        store: folder of the public store.
        k: neighbours an image.
        method: flat and ivf are faiss's: all rows, or the nearest of lists (fast for many millions, and approximate);
            numpy needs no faiss, and is exact. auto: flat where faiss is installed, else numpy.
        device: where faiss searches: cpu, gpu (all there are), or auto, which is gpu where there is one.
        lists: of ivf; by default four times the root of the number of images.
        probes: lists of ivf that are searched for an image; more are slower and nearer to exact.
    """
    check.at_least(1, k=k)
    public = PublicStore(store)
    if (found := find_table(public, k)) is not None and found.k == k:
        print(f"There already: {_described(public, found)}")
        return
    searcher = _searcher(public, method, device, lists, probes)
    with tqdm(total=len(public), desc="Searching", unit="image") as progress:
        made = build_table(public, k, searcher, progress)
    print(_described(public, made))


def _searcher(store: PublicStore, method: str, device: Device, lists: int | None, probes: int) -> Searcher:
    if method == "numpy" or (method == "auto" and device != "gpu" and not installed_distributions()):
        return NumpySearcher(store)
    if method == "ivf":
        return FaissSearcher(store, device, lists or max(1, round(4 * len(store) ** 0.5)), probes)
    return FaissSearcher(store, device)


def _described(store: PublicStore, table: TableManifest) -> str:
    exactness = "exact" if table.is_exact else f"approximate: {table.recall:.1%} of the true ones, on a sample"
    return f"{table.k} neighbours of {table.rows} images in {table_path(store, table.k)} ({table.method}; {exactness})."
