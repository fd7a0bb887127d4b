import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dprdm.errors import UserError
from dprdm.plugins.retrievers import exact, faiss_flat
from dprdm.plugins.retrievers.faiss_flat import FaissFlat, candidates, search
from dprdm.retrieval import faiss_library
from tests.fakes import private_store, unit_rows
from tests.plugins.test_exact import Rows


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 60), st.sampled_from([0.3, 1.0, 3.0]))
def test_oracle(seed, count, k, length):
    """Rows of any length, many of them twins or a float's last bit apart: as `exact`, to the row."""
    generator = np.random.default_rng(seed)
    vectors = length * unit_rows(400, 9, seed)
    vectors[100:200] = vectors[:100]
    vectors[200:300] = vectors[:100] + np.float32(1e-7) * generator.normal(size=(100, 9)).astype(np.float32)
    query = unit_rows(1, 9, seed + 1)[0].astype(np.float64)
    rows = np.sort(generator.choice(400, size=count, replace=False))
    assert np.array_equal(search(query, Rows(vectors), rows, k), exact.rank(query, Rows(vectors), rows, k))


def test_candidates_are_few_where_rows_lie_apart():
    vectors, query = unit_rows(5000, 512), unit_rows(1, 512, seed=2)[0].astype(np.float64)
    assert 20 <= len(candidates(query, vectors, 20)) <= 20 + faiss_flat.MARGIN


def test_twins_without_end_are_all_candidates():
    vectors = np.tile(unit_rows(1, 8), (1000, 1))
    assert len(candidates(vectors[0].astype(np.float64), vectors, 3)) == 1000


def test_rows_that_are_not_finite_hide_nothing():
    vectors = unit_rows(500, 8)
    vectors[17] = np.nan
    assert len(candidates(unit_rows(1, 8, seed=3)[0].astype(np.float64), vectors, 5)) == 500


def test_hazard_06_no_padding(tmp_path):
    store, query = private_store(tmp_path, unit_rows(50, 8)), unit_rows(1, 8, seed=4)[0].astype(np.float64)
    assert sorted(FaissFlat().search(query, store, np.array([3, 9]), 20).tolist()) == [3, 9]
    assert FaissFlat().search(query, store, np.zeros(0, np.int64), 20).tolist() == []


def test_hazard_08_only_sampled_rows_are_searched(tmp_path):
    vectors = unit_rows(2000, 8)
    store, rows = private_store(tmp_path, vectors), np.arange(0, 2000, 7)
    for nearest in range(20):  # each query lies on a row, most of them not in the sample
        found = FaissFlat().search(vectors[nearest].astype(np.float64), store, rows, 30)
        assert np.isin(found, rows).all()


def test_missing_faiss_is_said_before_anything_is_charged(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(faiss_library.importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"dprdm\[cpu\] or dprdm\[gpu\]"):
        FaissFlat()
