"""The clipped mean of a sample's nearest rows: what is averaged, around what, and how far one row moves it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from dprdm.errors import PluginError, UserError
from dprdm.guarantee.sampled_mean import clip
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.retriever import Retriever
from tests.fakes import private_store, unit_rows

DIM = 8
QUERIES = unit_rows(3, DIM, seed=1).astype(np.float64)


def means(vectors, tmp_path, centres=None, clip_norm=1.0, told=None):
    store = private_store(tmp_path, vectors)
    centres = np.zeros(QUERIES.shape) if centres is None else centres
    return Gaussian(4, 1.0, clip_norm).means(QUERIES, centres, store, Exact(), SecureNoise(), told)


def test_around_a_centre_differences_are_averaged(tmp_path):
    vectors, centres = unit_rows(50, DIM), 0.5 * QUERIES
    nearest = [vectors[np.argsort(-vectors @ query)[:4]] for query in QUERIES]
    expected = [rows.mean(0) - centre for rows, centre in zip(nearest, centres, strict=True)]
    assert np.allclose(means(vectors, tmp_path, centres, clip_norm=2.0), expected, atol=1e-6)


def test_differences_are_clipped_and_not_rows(tmp_path):
    vectors = np.repeat(unit_rows(1, DIM), 6, axis=0)
    found = means(vectors, tmp_path, np.zeros((3, DIM)) + vectors[0] - 0.1 * np.eye(DIM)[0], clip_norm=0.1)
    assert np.allclose(found, 0.1 * np.eye(DIM)[0], atol=1e-6)


def test_progress_is_told_of_every_query(tmp_path):
    told = []
    means(unit_rows(9, DIM), tmp_path, told=told.append)
    assert told == [1, 1, 1]


@pytest.mark.parametrize("queries", [np.ones((1, DIM + 1)), np.full((1, DIM), np.nan)])
def test_strange_queries_are_refused(tmp_path, queries):
    with pytest.raises(UserError, match=f"Expected finite queries of length {DIM}"):
        Gaussian(4, 1.0, 1.0).means(
            queries, queries, private_store(tmp_path, unit_rows(9, DIM)), Exact(), SecureNoise()
        )


@pytest.mark.parametrize("fields", [(0, 0.5, 1.0), (4, 0.0, 1.0), (4, 1.5, 1.0), (4, 0.5, 0.0)])
def test_strange_settings_are_refused(fields):
    with pytest.raises(UserError):
        Gaussian(*fields)


@pytest.mark.parametrize(("max_per_unit", "moved"), [(1, 1), (3, 3), (9, 4)])
def test_a_unit_moves_no_more_rows_than_are_averaged(max_per_unit, moved):
    assert Gaussian(4, 0.5, 0.7).sensitivity(max_per_unit) == pytest.approx(2 * 0.7 * moved / 4, rel=1e-8)


@dataclass(frozen=True)
class Returns(Retriever):
    """Whatever it is told to, of the sampled rows."""

    name: ClassVar[str] = "returns"
    reads_private: ClassVar[bool] = True

    pick: Callable

    def search(self, query, store, rows, k):
        return self.pick(rows, k, store)


def _padded(rows, k, store):
    return np.concatenate([rows[:k], np.full(max(0, k - len(rows)), -1)])


def _of_the_whole_store(rows, k, store):
    return np.setdiff1d(np.arange(len(store)), rows)[:k]


VIOLATIONS = {
    "hazard 6: padded with -1": (_padded, 3),
    "hazard 6: padded with the last row": (lambda rows, k, store: _padded(rows, k, store) % len(store), 3),
    "hazard 8: rows that were not sampled": (_of_the_whole_store, 40),
    "hazard 27: a row twice": (lambda rows, k, store: rows[[0, 1, 1]], 40),
    "hazard 27: a row k times": (lambda rows, k, store: rows[:1].repeat(k), 40),
    "hazard 27: more than k": (lambda rows, k, store: rows[: k + 1], 40),
    "hazard 27: a row that does not exist": (lambda rows, k, store: np.array([len(store)]), 40),
}


def _release(tmp_path, pick, count):
    noise, store = SecureNoise(), private_store(tmp_path, unit_rows(count, DIM))
    rate = 0.5 if count > 4 else 1.0
    return Gaussian(4, rate).release(QUERIES, store, Returns(pick), 0.1, noise)


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_hazard_27_what_a_retriever_returns_is_checked(tmp_path, monkeypatch, violation):
    """Refused before anything is noised, in a sentence that names no row: hazards 6, 8 and 27."""
    monkeypatch.setattr(SecureNoise, "gaussian", None)
    with pytest.raises(PluginError, match="at most k distinct rows of the sample from the retriever returns") as error:
        _release(tmp_path, *VIOLATIONS[violation])
    assert not any(character.isdigit() for character in str(error.value))


@pytest.mark.parametrize("pick", [lambda rows, k, store: rows[:k], lambda rows, k, store: rows[::-1][:2]])
def test_fewer_rows_and_any_order_are_no_violation(tmp_path, pick):
    assert np.isfinite(_release(tmp_path, pick, 40)).all()
    assert np.isfinite(_release(tmp_path / "few", lambda rows, k, store: rows[:0], 3)).all()


def test_short_rows_are_left_alone():
    rows = 0.5 * unit_rows(5, DIM)
    assert np.array_equal(clip(rows, 1.0), rows.astype(np.float64))


def test_clipped_rows_are_within_rounding_of_the_norm():
    rows = np.concatenate([unit_rows(1000, DIM) * scale for scale in (1e-30, 1.0, 1e30)]).astype(np.float32)
    assert np.linalg.norm(clip(rows, 0.7), axis=1).max() <= 0.7 * (1 + 1e-15)


def test_hazard_10_zero_rows_stay_zero():
    assert np.array_equal(clip(np.zeros((2, DIM), np.float32), 1.0), np.zeros((2, DIM)))
