"""Releases for one prompt are averaged as their noise deserves."""

import numpy as np
import pytest

from dprdm.public.repeats import average_repeats
from tests.fakes import unit_rows


def test_the_mean_is_weighted_by_the_inverse_of_the_noise():
    queries, draw = unit_rows(2, 4), np.random.default_rng(0)
    asked = queries[[1, 0, 1, 1]]
    vectors, noise = draw.normal(size=(4, 4)), np.array([1.0, 2.0, 0.5, 4.0])
    averaged = average_repeats(asked, vectors, noise)
    assert np.array_equal(averaged.queries[averaged.of], asked.astype(np.float64))
    weights = np.array([1, 2, 0.25])
    assert np.allclose(averaged.means[averaged.of[0]], weights @ vectors[[0, 2, 3]] / weights.sum())
    assert averaged.noise[averaged.of[0]] == pytest.approx(1 / 3.25)
    assert np.allclose(averaged.means[averaged.of[1]], vectors[1]) and averaged.noise[averaged.of[1]] == 2.0


def test_the_noise_it_states_is_the_noise_that_is_left():
    asked, noise = np.repeat(unit_rows(2000, 4), 3, axis=0), np.tile([1.0, 4.0, 9.0], 2000)
    drawn = np.random.default_rng(1).normal(size=(6000, 4)) * np.sqrt(noise)[:, None]
    averaged = average_repeats(asked, drawn, noise)
    assert (averaged.means**2).mean() == pytest.approx(averaged.noise.mean(), rel=0.1)  # of 8,000 numbers: 6 deviations
