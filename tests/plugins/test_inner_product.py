"""Retrievers that rank by inner product: all find what `exact` finds, best first."""

import numpy as np
import pytest

from dprdm.plugins.retrievers.exact import search as exact_search
from dprdm.registry import find
from tests.contracts.retrievers import clustered_rows, make_retriever
from tests.fakes import private_store, public_store, unit_rows

COUNT, DIM, K = 400, 16, 12


@pytest.fixture(params=["exact", "faiss_flat", "faiss_ivf"])
def retriever(request, tmp_path):
    return make_retriever(find("retriever", request.param), tmp_path, DIM)


def _queries(count=5):
    return unit_rows(count, DIM, seed=1).astype(np.float64)


@pytest.mark.parametrize("make_rows", [unit_rows, clustered_rows])
def test_same_neighbours_as_exact(retriever, tmp_path, make_rows):
    store = private_store(tmp_path / "store", make_rows(COUNT, DIM))
    for rows in (np.arange(COUNT), np.arange(1, COUNT, 3), np.arange(5)):
        for query in _queries():
            assert np.array_equal(retriever.search(query, store, rows, K), exact_search(query, store, rows, K))


def _is_best_first(retriever, store, vectors):
    rows = np.arange(0, COUNT, 3)
    for query in _queries(12):
        scores = vectors[retriever.search(query, store, rows, K)] @ query
        assert np.all(np.diff(scores) < 1e-3)


def test_best_first(retriever, tmp_path):
    vectors = unit_rows(COUNT, DIM)
    _is_best_first(retriever, private_store(tmp_path / "store", vectors), vectors)


def test_the_public_rows_best_first(tmp_path):
    vectors = unit_rows(COUNT, DIM)
    _is_best_first(find("retriever", "public")(), public_store(tmp_path / "store", vectors), vectors)
