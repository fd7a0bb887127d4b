"""With any retriever of private rows, one record moves the mean by 2C/k at most; one that learns from private rows does not
keep that, and is caught."""

import faiss
import numpy as np
import pytest

from dprdm.guarantee.sampled_mean import clip
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import search as exact_search
from dprdm.plugins.retrievers.faiss_ivf import Quantizer
from dprdm.registry import load_all
from tests.contracts.retrievers import CELLS, clustered_rows, learns_cells, make_retriever
from tests.fakes import private_store, unit_rows

PRIVATE = sorted((name, plugin) for name, plugin in load_all("retriever").items() if plugin.reads_private)
COUNT, DIM, K = 400, 16, 12
BOUND = Gaussian(k=K).sensitivity()


def _queries(count=5):
    return unit_rows(count, DIM, seed=1).astype(np.float64)


@pytest.fixture(params=[plugin for _, plugin in PRIVATE], ids=[name for name, _ in PRIVATE])
def plugin(request):
    return request.param


def _largest_move(search, make_store, sample):
    """How far the mean of k moves, over queries and over each record of the sample gone, from sample and store."""
    vectors, moved = clustered_rows(COUNT, DIM), 0.0
    whole = make_store(vectors)
    for gone in sample:
        smaller = make_store(np.delete(vectors, gone, axis=0))
        rest = np.delete(sample, np.searchsorted(sample, gone))
        rest -= rest > gone
        for query in _queries():
            with_it, without = _mean(search, query, whole, sample), _mean(search, query, smaller, rest)
            moved = max(moved, float(np.linalg.norm(with_it - without)))
    return moved


def _mean(search, query, store, rows):
    return clip(store.vectors(search(query, store, rows, K)), 1.0).sum(axis=0) / K


@pytest.fixture
def make_store(tmp_path):
    numbers = iter(range(10**6))
    return lambda vectors: private_store(tmp_path / f"store{next(numbers)}", vectors)


# The same coins for both: one sample, with and without the record.
SAMPLE = np.arange(0, COUNT, 8)


@pytest.mark.parametrize("nprobe", [1, 2, CELLS])
def test_hazard_07_one_record_moves_the_mean_within_its_bound(plugin, tmp_path, make_store, nprobe):
    if nprobe < CELLS and not learns_cells(plugin):
        return  # it searches everything, whatever that number
    retriever = make_retriever(plugin, tmp_path, DIM, nprobe)
    moved = _largest_move(retriever.search, make_store, SAMPLE)
    assert 0.1 * BOUND < moved <= BOUND


def _search_in_cells_of_private_rows(query, store, rows, k):
    """What must not be a retriever: its cells are learnt from the store it searches. Each answer has its own k-means."""
    vectors = store.vectors(np.arange(len(store)))
    means = faiss.Kmeans(DIM, CELLS, spherical=True, niter=20, seed=1, min_points_per_centroid=1)
    means.train(vectors)
    cells = Quantizer(means.centroids, "private", {})
    probed = np.isin(cells.cells(store.vectors(rows)), cells.nearest(query, 1))
    return exact_search(query, store, rows[probed], k)


def test_hazard_07_a_quantizer_of_private_rows_breaks_the_bound(make_store):
    """Negative control: the test above can fail, and this is what fails it."""
    assert _largest_move(_search_in_cells_of_private_rows, make_store, SAMPLE[:15]) > 1.5 * BOUND


def test_hazard_07_private_rows_leave_the_quantizer_alone(tmp_path):
    """The cells of the rows that stay are the same with and without the record that goes."""
    retriever = make_retriever(dict(PRIVATE)["faiss_ivf"], tmp_path, DIM, 1)
    vectors, query = clustered_rows(COUNT, DIM), _queries(1)[0]
    rows = np.arange(COUNT)
    order = retriever.search(query, private_store(tmp_path / "all", vectors), rows, COUNT)
    for gone in (0, 7, int(order[0]), int(order[-1])):
        smaller = private_store(tmp_path / f"without{gone}", np.delete(vectors, gone, axis=0))
        found = retriever.search(query, smaller, rows[:-1], COUNT)
        assert np.array_equal(found + (found >= gone), order[order != gone])
