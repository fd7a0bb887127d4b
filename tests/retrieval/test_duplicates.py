import json

import numpy as np
import pytest

from dprdm.retrieval import duplicates
from dprdm.retrieval.duplicates import keys_of, near_duplicates
from tests.fakes import private_store, unit_rows

COUNT, DIM = 120, 32


def _nudged(vectors, cosine, seed=1):
    """Unit rows at exactly this cosine to those given."""
    aside = unit_rows(len(vectors), DIM, seed).astype(np.float64)
    aside -= (aside * vectors).sum(axis=1, keepdims=True) * vectors
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return (cosine * vectors + np.sqrt(1 - cosine**2) * aside).astype(np.float32)


@pytest.fixture
def vectors():
    """Row 100 nearly repeats row 3, rows 110 and 111 nearly repeat row 50; row 90 resembles row 7."""
    rows = unit_rows(COUNT, DIM)
    rows[100], rows[110], rows[111] = _nudged(rows[[3, 50, 50]], 0.998)
    rows[90] = _nudged(rows[[7]], 0.99)[0]
    return rows


@pytest.mark.parametrize("block", [1, 7, 2048])
def test_finds_rows_with_a_copy(tmp_path, vectors, monkeypatch, block):
    monkeypatch.setattr(duplicates, "BLOCK", block)
    cosines = vectors @ vectors.T - np.eye(COUNT, dtype=np.float32)
    found = near_duplicates(private_store(tmp_path, vectors))
    assert (found.rows, found.compared) == (COUNT, COUNT)
    assert found.with_copy == (cosines > 0.995).any(axis=1).sum() == 5
    assert {frozenset(pair) for pair in found.pairs} <= {
        frozenset(pair) for pair in [(3, 100), (50, 110), (50, 111), (110, 111)]
    }
    assert (3, 100) in found.pairs
    assert len({frozenset(pair) for pair in found.pairs}) == len(found.pairs)


def test_the_threshold_decides(tmp_path, vectors):
    assert near_duplicates(private_store(tmp_path, vectors), threshold=0.9).with_copy == 7


def test_copies_of_one_person_are_no_matter(tmp_path, vectors):
    groups = [[3, 100], [50, 110], *([row] for row in range(COUNT) if row not in {3, 50, 100, 110, 111, 90}), [111]]
    found = near_duplicates(private_store(tmp_path, vectors, groups))
    assert (found.rows, found.with_copy) == (COUNT - 1, 3)
    assert all(111 in pair for pair in found.pairs)


def test_of_a_large_store_a_sample_is_compared_with_all(tmp_path):
    vectors = np.concatenate([unit_rows(200, DIM), unit_rows(200, DIM)])  # everyone twice, far apart
    found = near_duplicates(private_store(tmp_path, vectors), compare_all=100)
    assert (found.rows, found.compared, found.with_copy) == (400, 25, 25)


def test_nothing_is_written(tmp_path, vectors):
    store = private_store(tmp_path, vectors)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    near_duplicates(store)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_empty_stores_have_none(tmp_path):
    assert near_duplicates(private_store(tmp_path, unit_rows(1, DIM))).with_copy == 0


def test_keys(tmp_path, vectors):
    store = private_store(tmp_path, vectors)
    (tmp_path / "00000.keys.jsonl").write_text("".join(f"{json.dumps(f'image {row}')}\n" for row in range(COUNT)))
    assert keys_of(store, (100, 3)) == ["image 100", "image 3"]
