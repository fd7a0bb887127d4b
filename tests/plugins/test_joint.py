"""All vectors together: what they have in common is found, what they have not is kept."""

import numpy as np
import pytest

from dprdm.plugins.denoisers import joint
from dprdm.plugins.denoisers.joint import Joint
from dprdm.plugins.denoisers.public_prior import PublicPriorDenoiser
from dprdm.types import Answered
from tests.plugins.neighbour_means import case


def error(denoiser, given) -> float:
    return float(((denoiser.denoise(given.queries, given.answered, given.prior).vectors - given.clean) ** 2).mean())


@pytest.mark.parametrize("noise_std", [0.1, 0.5])
@pytest.mark.parametrize("releases", [1, 4])
def test_what_releases_have_in_common_is_better_known_together(tmp_path, noise_std, releases):
    given = case(tmp_path, noise_std, releases)
    assert error(Joint(), given) < 0.8 * error(PublicPriorDenoiser(), given)


def test_the_error_it_states_is_about_the_error_it_has(tmp_path):
    given = case(tmp_path, 0.2, 4)
    stated = (Joint().denoise(given.queries, given.answered, given.prior).noise_std ** 2).mean()
    assert stated == pytest.approx(error(Joint(), given), rel=0.6)


def test_vectors_with_hardly_any_noise_stay_as_they_are(tmp_path):
    given = case(tmp_path, 1e-6, 3)
    denoised = Joint().denoise(given.queries, given.answered, given.prior)
    assert np.allclose(denoised.vectors, given.clean, atol=1e-4)


def test_the_order_of_the_requests_does_not_matter(tmp_path):
    given = case(tmp_path, 0.2, 3)
    order = np.random.default_rng(1).permutation(len(given.queries))
    shuffled = Answered(given.answered.vectors[order], given.answered.noise_std[order])
    straight = Joint().denoise(given.queries, given.answered, given.prior).vectors
    assert np.allclose(Joint().denoise(given.queries[order], shuffled, given.prior).vectors, straight[order], atol=1e-8)


def test_many_queries_are_denoised_in_batches(tmp_path, monkeypatch):
    given = case(tmp_path, 0.3)
    whole = error(Joint(), given)
    monkeypatch.setattr(joint, "MOST_TOGETHER", 15)
    assert error(Joint(), given) < 1.5 * whole


def test_one_vector_and_none(tmp_path):
    given = case(tmp_path, 0.3)
    one = Answered(given.answered.vectors[:1], given.answered.noise_std[:1])
    assert np.isfinite(Joint().denoise(given.queries[:1], one, given.prior).vectors).all()
    empty = Answered(given.clean[:0], np.zeros(0))
    assert Joint().denoise(given.queries[:0], empty, given.prior).vectors.shape == (0, 8)
