"""Means of wide neighbourhoods come nearer to those of narrow ones; narrow ones stay as they are."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from dprdm.public.narrowing import find_width, narrowed
from dprdm.public.prior import PublicPrior, fit_prior, nearest_means
from dprdm.public.repeats import average_repeats
from tests.fakes import public_knowledge

DIM, NEAREST = 8, 40


class Case(NamedTuple):
    """Queries, public rows' prior, and private rows: of the same kind, all moved to one side."""

    queries: np.ndarray
    prior: PublicPrior
    private: np.ndarray


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Case:
    known = public_knowledge(tmp_path_factory.mktemp("public"), 16_000, DIM, num_queries=40)
    odd = np.arange(len(known.rows)) % 2 == 1
    public = dataclasses.replace(known, rows=known.rows[~odd], caption_of=known.caption_of[~odd])
    private = known.rows[odd] + np.float32(0.2) * np.eye(DIM, dtype=np.float32)[0]
    private /= np.linalg.norm(private, axis=1, keepdims=True)
    return Case(known.queries.astype(np.float64), fit_prior(public, NEAREST), private)


def released(given: Case, reach: int, noise_std: float, seed: int = 0) -> np.ndarray:
    """What a mechanism gives out that averages over `reach` rows."""
    clean = nearest_means(given.queries, given.private, reach)
    return clean + noise_std * np.random.default_rng(seed).normal(size=clean.shape)


def narrow(given: Case, vectors: np.ndarray, noise_std: float) -> np.ndarray:
    return narrowed(given.queries, vectors, np.full(len(vectors), noise_std**2), given.prior, NEAREST)


@pytest.mark.parametrize("noise_std", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("reach", [320, 1280])
def test_wide_means_come_nearer_to_the_narrow_ones(case, reach, noise_std):
    wanted, vectors = nearest_means(case.queries, case.private, NEAREST), released(case, reach, noise_std)
    found = vectors, narrow(case, vectors, noise_std)
    before, after = (((one - wanted) ** 2).mean() - noise_std**2 for one in found)
    assert after < {320: 0.8, 1280: 0.5}[reach] * before


def test_the_width_is_found(case):
    vectors = case.prior.centre(case.queries, 8 * NEAREST)
    vectors += 0.02 * np.random.default_rng(0).normal(size=vectors.shape)
    averaged = average_repeats(case.queries, vectors, np.full(40, 0.02**2))
    assert find_width(averaged, case.prior, NEAREST) == (8 * NEAREST, 1.0)


@pytest.mark.parametrize("noise_std", [0.0, 0.02, 0.5])
def test_narrow_means_stay_as_they_are(case, noise_std):
    """The control: nothing is taken back from what was not widened."""
    vectors = released(case, NEAREST, noise_std)
    assert np.array_equal(narrow(case, vectors, noise_std), vectors)


def test_in_noise_that_drowns_everything_nothing_is_taken_back(case):
    vectors = released(case, 1280, 1000.0)
    assert np.array_equal(narrow(case, vectors, 1000.0), vectors)


def test_what_is_taken_back_is_how_far_widening_moves_public_rows(case):
    shift = 0.05 * np.eye(DIM)[1]
    vectors = case.prior.centre(case.queries, 8 * NEAREST) + shift
    assert np.allclose(narrow(case, vectors, 0.001), case.prior.centre(case.queries, NEAREST) + shift, atol=1e-12)


def test_releases_for_one_prompt_are_all_moved_alike(case):
    vectors = released(case, 1280, 0.05)
    queries, twice = np.repeat(case.queries, 2, axis=0), np.repeat(vectors, 2, axis=0)
    twice[::2] += 0.01
    moved = narrowed(queries, twice, np.full(len(twice), 0.05**2), case.prior, NEAREST) - twice
    assert np.allclose(moved[::2], moved[1::2]) and np.abs(moved).max() > 0.01


def test_with_no_more_public_rows_than_are_wanted_nothing_is_taken_back(case):
    few = dataclasses.replace(case.prior, rows=case.prior.rows[:NEAREST])
    vectors = released(case, 1280, 0.01)
    assert np.array_equal(narrowed(case.queries, vectors, np.full(40, 1e-4), few, NEAREST), vectors)


def test_one_vector(case):
    one = narrowed(case.queries[:1], released(case, 1280, 0.01)[:1], np.full(1, 1e-4), case.prior, NEAREST)
    assert one.shape == (1, DIM) and np.isfinite(one).all()
