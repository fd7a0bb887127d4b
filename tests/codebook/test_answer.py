"""Answers: what a search among rows of the mixture would average."""

import numpy as np
import pytest

from dprdm.codebook.answer import answer
from dprdm.codebook.estimate import Mixture
from tests.fakes import unit_rows

DIM = 4
QUERIES = unit_rows(5, DIM, seed=1).astype(np.float64)
ONCE = np.zeros(5, np.int64)


def mixture(errors: float = 0.0) -> Mixture:
    draw = np.random.default_rng(0)
    spread = 0.2 * draw.normal(size=(DIM, DIM))
    means = 0.6 * unit_rows(6, DIM, seed=2).astype(np.float64)
    return Mixture(draw.integers(1, 9, 6).astype(np.float64), means, np.full(6, errors), spread @ spread.T)


@pytest.mark.parametrize("share", [0.02, 0.2, 1.0])
def test_answers_are_the_means_of_the_nearest_share_of_rows_drawn_from_the_mixture(share):
    given, draw = mixture(), np.random.default_rng(3)
    which = draw.choice(6, 400_000, p=given.counts / given.counts.sum())
    rows = (
        given.means[which]
        + draw.normal(size=(400_000, DIM)) @ np.linalg.cholesky(given.covariance + 1e-12 * np.eye(DIM)).T
    )
    for query, vector in zip(QUERIES, answer(given, QUERIES, ONCE, share, 0).vectors, strict=True):
        scores = rows @ query
        nearest = rows[scores >= np.quantile(scores, 1 - share)]
        assert np.allclose(vector, nearest.mean(axis=0), atol=0.02)


def test_equal_queries_get_equal_answers_unless_cells_are_drawn():
    same = np.repeat(QUERIES[:1], 5, axis=0)
    numbers = np.arange(5)
    whole = answer(mixture(), same, numbers, 0.5, 0).vectors
    assert np.allclose(whole, whole[0])
    drawn = answer(mixture(), same, numbers, 0.5, 1).vectors
    assert len(np.unique(drawn.round(9), axis=0)) > 1
    assert np.array_equal(drawn, answer(mixture(), same, numbers, 0.5, 1).vectors)


def test_drawn_cells_average_to_the_whole_answer():
    numbers = np.arange(2000)
    same = np.repeat(QUERIES[:1], 2000, axis=0)
    drawn, whole = (answer(mixture(), same, numbers, 0.5, draws).vectors for draws in (1, 0))
    assert np.allclose(drawn.mean(axis=0), whole[0], atol=5e-3)


def test_errors_of_many_cells_average_out():
    many = answer(mixture(0.04), QUERIES, ONCE, 1.0, 0).noise_std
    one = answer(mixture(0.04), QUERIES, ONCE, 1.0, 1).noise_std
    assert np.allclose(one, 0.2)
    assert (many < 0.7 * one).all()


def test_no_queries_get_no_answers():
    answered = answer(mixture(), QUERIES[:0], ONCE[:0], 0.5, 1)
    assert answered.vectors.shape == (0, DIM) and answered.noise_std.shape == (0,)


def test_many_queries_are_answered_as_single_ones_are():
    queries = unit_rows(600, DIM, seed=5).astype(np.float64)
    together = answer(mixture(), queries, np.zeros(600, np.int64), 0.1, 0).vectors
    assert np.allclose(together[300:301], answer(mixture(), queries[300:301], np.zeros(1, np.int64), 0.1, 0).vectors)
