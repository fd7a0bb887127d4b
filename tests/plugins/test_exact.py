import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dprdm.plugins.retrievers import exact
from dprdm.plugins.retrievers.exact import Exact, candidates, error_bound, longest_row, quantise, rank, search
from dprdm.retrieval.store import PublicStore
from tests.fakes import private_store, unit_rows


class Rows(PublicStore):
    """Only what `search` needs of a store, in memory."""

    def __init__(self, vectors):
        self._vectors, self.dim = vectors, vectors.shape[1]

    def vectors(self, rows, out=None):
        return self._vectors[rows]


def _oracle(query, vectors, rows, k):
    """By Python's own integers and its stable sort."""
    target = [int(value) for value in quantise(query)]
    scores = [-sum(int(a) * b for a, b in zip(row, target, strict=True)) for row in quantise(vectors[rows])]
    return [row for _, row in sorted(zip(scores, rows.tolist(), strict=True))][:k]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 30))
def test_oracle(seed, count, k):
    generator = np.random.default_rng(seed)
    vectors = generator.choice([-0.6, 0.0, 0.3, 0.8], size=(40, 3)).astype(np.float32)  # many ties
    query = generator.choice([-1.0, 0.0, 0.5], size=3)
    rows = np.sort(generator.choice(40, size=count, replace=False))
    assert search(query, Rows(vectors), rows, k).tolist() == _oracle(query, vectors, rows, k)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 60), st.sampled_from([0.3, 1.0, 3.0]))
def test_same_as_ranking_all(seed, count, k, length):
    """Rows of any length, many of them twins or a float's last bit apart: the float32 scores show nowhere."""
    vectors, generator = length * unit_rows(400, 9, seed), np.random.default_rng(seed)
    vectors[100:200] = vectors[:100]
    vectors[200:300] = vectors[:100] + np.float32(1e-7) * generator.normal(size=(100, 9)).astype(np.float32)
    store, query = Rows(vectors), unit_rows(1, 9, seed + 1)[0].astype(np.float64)
    rows = np.sort(generator.choice(400, size=count, replace=False))
    assert np.array_equal(search(query, store, rows, k), rank(query, store, rows, k))


@pytest.mark.parametrize("length", [0.5, 1.0, 2.0])
def test_error_bound_holds_and_is_not_idle(length):
    vectors, query = length * unit_rows(3000, 64), unit_rows(1, 64, seed=2)[0].astype(np.float64)
    grid = quantise(vectors) @ quantise(query) / exact.SCALE**2
    apart, bound = np.abs(vectors @ query.astype(np.float32) - grid).max(), error_bound(query, longest_row(vectors))
    assert apart <= bound
    assert length > 1 or apart > bound / 100


def test_without_the_bound_rows_would_be_lost(monkeypatch):
    """Negative control: float32 alone ranks rows of one grid point by bits that the grid does not have."""
    vectors = unit_rows(1, 64) + np.float32(1e-6) * np.random.default_rng(1).normal(size=(200, 64)).astype(np.float32)
    store, query, rows = Rows(vectors), unit_rows(1, 64, seed=2)[0].astype(np.float64), np.arange(200)
    assert np.array_equal(search(query, store, rows, 5), rank(query, store, rows, 5))
    monkeypatch.setattr(exact, "error_bound", lambda query, longest: 0.0)
    assert not np.array_equal(search(query, store, rows, 5), rank(query, store, rows, 5))


def test_candidates_are_few_where_rows_lie_apart():
    vectors, query = unit_rows(5000, 512), unit_rows(1, 512, seed=2)[0].astype(np.float64)
    assert 20 <= len(candidates(query, Rows(vectors), np.arange(5000), 20)) <= 84


def test_the_sample_is_read_once_and_nothing_else_is():
    read, vectors = [], unit_rows(20_000, 64)

    class Counted(Rows):
        def vectors(self, rows, out=None):
            read.extend(rows.tolist())
            return super().vectors(rows)

    rows, query = np.arange(0, 20_000, 4), unit_rows(1, 64, seed=2)[0].astype(np.float64)
    search(query, Counted(vectors), rows, 20)
    assert set(read) == set(rows.tolist()) and len(read) < 1.1 * len(rows)


@pytest.mark.parametrize("damage", [np.nan, np.inf, -np.inf, 3e38, 1e30])
def test_rows_that_float32_says_nothing_of_hide_none(damage):
    vectors, query = unit_rows(500, 8), 1e10 * unit_rows(1, 8, seed=3)[0].astype(np.float64)
    vectors[17] = damage
    assert len(candidates(query, Rows(vectors), np.arange(500), 5)) == 500


def test_ties_go_by_row(tmp_path):
    store = private_store(tmp_path, np.tile(unit_rows(1, 8), (10, 1)))
    query = unit_rows(1, 8)[0].astype(np.float64)
    assert Exact().search(query, store, np.array([1, 4, 6, 7, 9]), 3).tolist() == [1, 4, 6]


def test_blocks_change_nothing(monkeypatch):
    vectors, query = unit_rows(500, 64), unit_rows(1, 64, seed=9)[0]
    whole = search(query, Rows(vectors), np.arange(500), 50)
    monkeypatch.setattr(exact, "BLOCK", 7)
    assert np.array_equal(search(query, Rows(vectors), np.arange(500), 50), whole)
    assert np.array_equal(rank(query, Rows(vectors), np.arange(500), 50), whole)


def test_twins_score_alike_wherever_they_stand():
    vectors, query = np.tile(unit_rows(1, 515), (37, 1)), unit_rows(1, 515, seed=3)[0]
    assert np.unique(quantise(vectors) @ quantise(query)).size == 1


def test_scores_are_exact_integers_however_long_and_large():
    vectors = np.full((3, 4096), 7.0, np.float32)
    scores = quantise(vectors) @ quantise(np.ones(4096))
    assert scores.tolist() == [4096 * 2**30] * 3


def test_ranks_as_the_inner_product_does():
    vectors, query = unit_rows(2000, 32), unit_rows(1, 32, seed=2)[0].astype(np.float64)
    found = search(query, Rows(vectors), np.arange(2000), 20)
    best = np.sort(vectors.astype(np.float64) @ query)[::-1][:20]
    assert np.allclose(vectors[found].astype(np.float64) @ query, best, atol=2e-4)
