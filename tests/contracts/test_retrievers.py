"""What every retriever must keep, whoever wrote it."""

import numpy as np
import pytest

from dprdm.registry import load_all
from tests.contracts.retrievers import make_retriever
from tests.fakes import private_store, public_store, unit_rows

RETRIEVERS = sorted(load_all("retriever").items())
COUNT, DIM, K = 300, 16, 7


@pytest.fixture(params=[plugin for _, plugin in RETRIEVERS], ids=[name for name, _ in RETRIEVERS])
def retriever(request, tmp_path):
    return make_retriever(request.param, tmp_path, DIM)


@pytest.fixture
def make_store(retriever, tmp_path):
    kind, made = private_store if retriever.reads_private else public_store, []

    def make(vectors):
        made.append(vectors)
        return kind(tmp_path / str(len(made)), vectors)

    return make


def _rows_with_ties():
    """Unit rows; each of the first hundred has a twin further on."""
    vectors = unit_rows(COUNT, DIM)
    vectors[150:250] = vectors[:100]
    return vectors


def _queries(count=12):
    return unit_rows(count, DIM, seed=1).astype(np.float64)


def test_at_most_k_distinct_rows_of_the_sample(retriever, make_store):
    vectors = unit_rows(COUNT, DIM)
    store, rows = make_store(vectors), np.arange(0, COUNT, 3)
    for query in _queries():
        found = retriever.search(query, store, rows, K)
        assert len(found) == len(set(found.tolist())) == K
        assert np.isin(found, rows).all()


@pytest.mark.parametrize("present", [0, 1, K - 1])
def test_hazard_06_never_an_id_that_was_not_given(retriever, make_store, present):
    store, rows = make_store(unit_rows(COUNT, DIM)), np.arange(present) * 5
    found = retriever.search(_queries(1)[0], store, rows, K)
    assert sorted(found.tolist()) == rows.tolist()


def test_hazard_07_scores_are_per_record(retriever, make_store):
    """Without any one record, the order of the others stays as it was: removing it brings in at most one other."""
    vectors = _rows_with_ties()
    store, query, everyone = make_store(vectors), _queries(1)[0], np.arange(COUNT)
    order = retriever.search(query, store, everyone, COUNT)
    for removed in everyone:
        rows = np.delete(everyone, removed)
        assert np.array_equal(retriever.search(query, store, rows, COUNT), order[order != removed])
        assert np.array_equal(retriever.search(query, store, rows, K), order[order != removed][:K])


def test_hazard_07_a_store_without_a_record_keeps_the_order(retriever, make_store):
    """The same, with the record gone from the store itself, so that nothing built from the store may have used it."""
    vectors = _rows_with_ties()
    query, whole = _queries(1)[0], make_store(vectors)
    order = retriever.search(query, whole, np.arange(COUNT), COUNT)
    for removed in (0, 77, 160, COUNT - 1, int(order[0])):
        smaller = make_store(np.delete(vectors, removed, axis=0))
        found = retriever.search(query, smaller, np.arange(COUNT - 1), COUNT)
        assert np.array_equal(found + (found >= removed), order[order != removed])


def test_the_same_answer_every_time(retriever, make_store):
    store, rows = make_store(_rows_with_ties()), np.arange(COUNT)
    for query in _queries(3):
        assert np.array_equal(retriever.search(query, store, rows, K), retriever.search(query, store, rows, K))
