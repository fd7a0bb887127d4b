"""Private search: as DP-RDM's published code does it and as ours does it, in one process, by turns.

    python benchmarks/retrieval.py --rows 100000 --dim 128 --repeats 5    does it run? Under a minute
    python benchmarks/retrieval.py                                        10^5 and 10^6 rows of 512 numbers
    python benchmarks/retrieval.py --rows 10000000 --dim 128              memory-mapped; 5 GB of disk, 5 GB of memory

Published: a random number for every row, the rows below sampling_rate, an id selector (faiss's IDSelectorBatch) over a
flat index in memory that holds all rows. Bitmap: the same with faiss's faster selector. Ours: geometric skips with
random bits of the operating system, then `exact` over a memory-mapped store, written and read as `index` and `release`
do. A time is that of a whole query, from drawing its sample to the ids of its neighbours: medians of runs by turns, on
the clock and of the processor, which other work on the machine disturbs less. README.md beside this file says how to
read the table.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from dprdm.data.index import SHARD_ROWS
from dprdm.errors import UserError
from dprdm.files import hash_file, write_text
from dprdm.plugins.retrievers.exact import Exact
from dprdm.plugins.retrievers.faiss_flat import load_faiss
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.sampling import poisson_sample
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore, Shard
from dprdm.types import Embeddings, Query

COLUMNS = (
    "rows", "dim", "sampling_rate", "published, ms", "bitmap, ms", "ours, ms", "published / ours", "bitmap / ours",
    "published / ours, processor", "bitmap / ours, processor", "ours, us a sampled row",
)  # fmt: skip
RATES = (0.1, 0.01, 0.001)


@dataclass(frozen=True)
class Published:
    """A full-length mask, then an id selector over an index of all rows."""

    index: Any
    k: int

    def batch(self, query: Query, sampling_rate: float) -> object:
        """Search with the selector of the published code."""
        ids = torch.where(self._mask(sampling_rate))[0].numpy()
        return self._search(query, load_faiss().IDSelectorBatch(ids))

    def bitmap(self, query: Query, sampling_rate: float) -> object:
        """Search with the selector that suits a mask best."""
        bits = np.packbits(self._mask(sampling_rate).numpy(), bitorder="little")
        return self._search(query, load_faiss().IDSelectorBitmap(bits))

    def _mask(self, sampling_rate: float) -> Bool[torch.Tensor, "all"]:
        return torch.rand(self.index.ntotal) < sampling_rate

    def _search(self, query: Query, selector: Any) -> object:
        parameters = load_faiss().SearchParameters(sel=selector)
        return self.index.search(query.astype(np.float32)[None], self.k, params=parameters)


@dataclass(frozen=True)
class Ours:
    """A Poisson sample by skips, then exact search among its rows."""

    store: PrivateStore
    noise: SecureNoise
    k: int

    def search(self, query: Query, sampling_rate: float) -> object:
        """Sample and search, as `gaussian` does it for each query."""
        units = poisson_sample(self.store.num_units, sampling_rate, self.noise)
        return Exact().search(query, self.store, self.store.rows_of(units), self.k)


def random_rows(count: int, dim: int) -> Iterator[Embeddings]:
    """Yield random unit rows, a shard at a time, the same every time."""
    for start in range(0, count, SHARD_ROWS):
        generator = np.random.default_rng(start)
        rows = generator.standard_normal((min(SHARD_ROWS, count - start), dim), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        yield rows


def write_store(path: Path, count: int, dim: int) -> PrivateStore:
    """Write a private store of random rows, as `index` would, as far as a search reads it."""
    path.mkdir(parents=True)
    shards = []
    for number, rows in enumerate(random_rows(count, dim)):
        file = path / f"{number:05d}.vectors.npy"
        np.save(file, rows)
        shards.append(Shard(f"{number:05d}", len(rows), hash_file(file)))
    write_text(path / MANIFEST, Manifest("private", "benchmark", {}, dim, {}, tuple(shards)).to_json())
    return PrivateStore(path, check=False)


def flat_index(store: PrivateStore) -> Any:
    """Put all rows of a store into faiss's flat index. Reading them also brings the store's files into memory."""
    index = load_faiss().IndexFlatIP(store.dim)
    for start in range(0, len(store), SHARD_ROWS):
        index.add(store.vectors(np.arange(start, min(start + SHARD_ROWS, len(store)))))
    return index


def time_searches(searches: list[Callable[[], object]], repeats: int, turn: int) -> Float[np.ndarray, "clock search"]:
    """Return the median seconds of each search, on the clock and of the processor, over turns after one that is not counted.

    A turn is several queries one after another, as in a release: the first of a turn finds the processor's caches full of
    another search's rows.
    """
    seconds = np.zeros((repeats + 1, len(searches), 2))
    for repeat, number in np.ndindex(*seconds.shape[:2]):
        start = time.perf_counter(), time.process_time()
        for _ in range(turn):
            searches[number]()
        seconds[repeat, number] = time.perf_counter() - start[0], time.process_time() - start[1]
    return np.median(seconds[1:] / turn, axis=0).T


def measure(published: Published, ours: Ours, sampling_rate: float, repeats: int, turn: int) -> str:
    """Return a row of the table."""
    count, dim = len(ours.store), ours.store.dim
    queries = itertools.cycle(next(random_rows(1000, dim)).astype(np.float64))
    searches = (published.batch, published.bitmap, ours.search)
    turns = [lambda search=search: search(next(queries), sampling_rate) for search in searches]
    clock, processor = time_searches(turns, repeats, turn)
    cells = [
        f"{count:,}", str(dim), f"{sampling_rate:g}", *(f"{1e3 * value:.2f}" for value in clock),
        *(f"{value:.1f}" for value in (*clock[:2] / clock[2], *processor[:2] / processor[2])),
        f"{1e6 * clock[2] / (sampling_rate * count):.2f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Write a store, time the searches, print the table, remove the store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--turn", type=int, default=25, help="queries of one search before it is the next one's turn")
    parser.add_argument("--threads", type=int, default=1, help="of faiss and torch; numpy has OMP_NUM_THREADS")
    parser.add_argument("--folder", type=Path, default=Path("runs/retrieval"), help="for the store; it is removed")
    arguments = parser.parse_args()
    try:
        load_faiss().omp_set_num_threads(arguments.threads)
    except UserError as error:
        parser.exit(2, f"{error}\n")
    torch.set_num_threads(arguments.threads)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for count in arguments.rows:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            store = write_store(Path(folder) / "store", count, arguments.dim)
            published = Published(flat_index(store), arguments.k)
            ours = Ours(store, SecureNoise(), arguments.k)
            for sampling_rate in arguments.rates:
                print(measure(published, ours, sampling_rate, arguments.repeats, arguments.turn), flush=True)


if __name__ == "__main__":
    main()
