"""`neighbors`: the neighbours of public images, found once, before training."""

from pathlib import Path

from dprdm.data.searchers import Device
from dprdm.retrieval.store import PublicStore
from dprdm.workflows.neighbour_tables import Method, NeighbourSearch, NeighbourTable, build_neighbours


def neighbors(
    store: Path,
    k: int = 4,
    method: Method = "auto",
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
    print(_describe(build_neighbours(PublicStore(store), k, NeighbourSearch(method, device, lists, probes))))


def _describe(table: NeighbourTable) -> str:
    manifest = table.manifest
    exactness = "exact" if manifest.is_exact else f"approximate: {manifest.recall:.1%} of the true ones, on a sample"
    text = f"{manifest.k} neighbours of {manifest.rows} images in {table.path} ({manifest.method}; {exactness})."
    return text if table.is_new else f"There already: {text}"
