"""Searchers against brute force; lists find most of it, and say that they are not exact."""

import numpy as np
import pytest

from dprdm.data import searchers
from dprdm.data.searchers import FaissSearcher, NumpySearcher
from dprdm.errors import UserError
from tests.fakes import public_store, unit_rows


@pytest.fixture
def store(tmp_path):
    return public_store(tmp_path, unit_rows(300, 16))


def brute_force(store, queries, count):
    scores = queries.astype(np.float64) @ store.vectors(np.arange(len(store))).T.astype(np.float64)
    return np.argsort(-scores, axis=1)[:, :count]


@pytest.mark.parametrize("make", [NumpySearcher, FaissSearcher])
@pytest.mark.parametrize("count", [1, 7, 300])
def test_agrees_with_brute_force(store, monkeypatch, make, count):
    monkeypatch.setattr(searchers, "SCORES_AT_ONCE", 300 * 7)
    monkeypatch.setattr(searchers, "ADDED_AT_ONCE", 70)
    searcher, queries = make(store), unit_rows(20, 16, seed=1)
    scores, found = searcher.search(queries, count)
    assert searcher.is_exact and searcher.most == 300
    assert np.array_equal(found, brute_force(store, queries, count))
    assert np.allclose(scores, np.take_along_axis(queries @ store.vectors(np.arange(300)).T, found, 1), atol=1e-6)


def test_lists_find_most_and_all_of_them_everything(store):
    queries = unit_rows(50, 16, seed=1)
    expected = brute_force(store, queries, 5)
    few, every = FaissSearcher(store, lists=8, probes=4), FaissSearcher(store, lists=8, probes=8)
    recall = np.mean([len(set(a) & set(b)) for a, b in zip(few.search(queries, 5)[1], expected, strict=True)]) / 5
    assert not few.is_exact and 0.5 < recall < 1
    assert every.is_exact and np.array_equal(every.search(queries, 5)[1], expected)


def test_each_says_what_it_is(store):
    assert NumpySearcher(store).description == f"numpy {np.__version__}"
    assert (
        FaissSearcher(store).description.startswith("faiss-cpu 1.")
        and "Flat on the CPU" in FaissSearcher(store).description
    )
    assert "IVF8,Flat, 4 probes" in FaissSearcher(store, lists=8, probes=4).description


def test_a_gpu_that_is_not_there_is_refused(store):
    with pytest.raises(UserError, match=r"Expected a GPU that faiss can use.*dprdm\[gpu\]"):
        FaissSearcher(store, "gpu")
