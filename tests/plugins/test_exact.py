import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dprdm.retrieval.store import PublicStore
from plugins.retrievers import exact
from plugins.retrievers.exact import Exact, quantise, search
from tests.fakes import private_store, unit_rows


class Rows(PublicStore):
    """Only what `search` needs of a store, in memory."""

    def __init__(self, vectors):
        self._vectors = vectors

    def vectors(self, rows):
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


def test_ties_go_by_row(tmp_path):
    store = private_store(tmp_path, np.tile(unit_rows(1, 8), (10, 1)))
    query = unit_rows(1, 8)[0].astype(np.float64)
    assert Exact().search(query, store, np.array([1, 4, 6, 7, 9]), 3).tolist() == [1, 4, 6]


def test_blocks_change_nothing(monkeypatch):
    vectors, query = unit_rows(500, 64), unit_rows(1, 64, seed=9)[0]
    whole = search(query, Rows(vectors), np.arange(500), 50)
    monkeypatch.setattr(exact, "BLOCK", 7)
    assert np.array_equal(search(query, Rows(vectors), np.arange(500), 50), whole)


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
