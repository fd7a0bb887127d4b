"""Each vector by itself: nearer to the clean one the noisier it is, and no worse where there is no noise."""

import numpy as np
import pytest

from dprdm.plugins.denoisers.public_prior import PublicPriorDenoiser, distance
from dprdm.types import Answered
from tests.plugins.neighbour_means import case


@pytest.mark.parametrize("noise_std", [0.01, 0.1, 1.0])
def test_vectors_come_nearer_to_the_clean_ones(tmp_path, noise_std):
    given = case(tmp_path, noise_std)
    denoised = PublicPriorDenoiser().denoise(given.queries, given.answered, given.prior)
    before = ((given.answered.vectors - given.clean) ** 2).mean()
    after = ((denoised.vectors - given.clean) ** 2).mean()
    assert after < {0.01: 1.05, 0.1: 0.75, 1.0: 0.1}[noise_std] * before
    if noise_std < 1:
        assert 0.3 < (denoised.noise_std**2).mean() / after < 3


def test_vectors_without_noise_stay_as_they_are(tmp_path):
    given = case(tmp_path, 0.0)
    denoised = PublicPriorDenoiser().denoise(given.queries, given.answered, given.prior)
    assert np.allclose(denoised.vectors, given.clean, atol=1e-6)
    assert denoised.noise_std.max() < 1e-6


def test_in_noise_that_drowns_everything_the_centre_stands(tmp_path):
    given = case(tmp_path, 100.0)
    denoised = PublicPriorDenoiser().denoise(given.queries, given.answered, given.prior)
    assert np.linalg.norm(denoised.vectors - given.prior.centre(given.queries), axis=1).max() < 0.5


def test_how_far_the_private_means_lie_is_found_in_the_noise(tmp_path):
    prior, draw = case(tmp_path, 0.1).prior, np.random.default_rng(0)
    for true in (0.1, 1.0):
        clean = draw.normal(size=(2000, 8)) * np.sqrt(true * prior.variances)
        noisy = clean @ prior.basis.T + 0.2 * draw.normal(size=(2000, 8))
        assert distance(noisy, np.full(2000, 0.04), prior) == pytest.approx(true, rel=0.3)


def test_few_vectors_in_much_noise_are_taken_to_lie_as_far_as_public_ones(tmp_path):
    prior = case(tmp_path, 0.1).prior
    assert distance(np.full((3, 8), 7.0), np.full(3, 49.0), prior) == pytest.approx(1, abs=0.01)


def test_no_vectors_are_denoised_to_none(tmp_path):
    given = case(tmp_path, 0.1)
    empty = Answered(given.clean[:0], np.zeros(0))
    assert PublicPriorDenoiser().denoise(given.queries[:0], empty, given.prior).vectors.shape == (0, 8)
