"""The paper's mechanism around a public centre."""

import dataclasses

import numpy as np
import pytest

from dprdm.errors import UserError
from dprdm.guarantee.mechanism import Terms
from dprdm.plugins.mechanisms.centered import Centered
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from dprdm.public.prior import PublicPrior
from tests.fakes import private_store, public_knowledge, unit_rows

DIM, TINY = 8, 1e-6
TERMS = Terms(Budget(3.0, 1e-5), 100, 1000)


@pytest.fixture
def public(tmp_path):
    return public_knowledge(tmp_path / "public", 600, DIM)


def release(mechanism, store, queries, noise_std=TINY):
    return mechanism.release(queries, store, Exact(), noise_std, SecureNoise())


def test_where_nothing_is_clipped_it_is_the_mean_of_the_k_nearest(tmp_path, public):
    rows = unit_rows(200, DIM)
    mechanism = Centered(k=5, sampling_rate=1.0, radius=2.0).prepare(public, TERMS)
    released = release(mechanism, private_store(tmp_path / "s", rows), public.queries)
    plain = release(Gaussian(k=5, sampling_rate=1.0), private_store(tmp_path / "t", rows), public.queries)
    assert np.allclose(released, plain, atol=100 * TINY)


def test_hazard_06_missing_neighbours_lie_at_the_centre(tmp_path, public):
    mechanism = Centered(k=4, sampling_rate=1.0, radius=2.0).prepare(public, TERMS)
    centre = PublicPrior.load(public.folder / "prior.safetensors").centre(public.queries)
    row = unit_rows(1, DIM)
    released = release(mechanism, private_store(tmp_path / "s", row), public.queries)
    assert np.allclose(released, centre + (row - centre) / 4, atol=100 * TINY)


def test_rows_are_clipped_around_the_centre(tmp_path, public):
    mechanism = Centered(k=1, sampling_rate=1.0, radius=0.1).prepare(public, TERMS)
    centre = PublicPrior.load(public.folder / "prior.safetensors").centre(public.queries)
    released = release(mechanism, private_store(tmp_path / "s", unit_rows(50, DIM)), public.queries)
    assert np.allclose(np.linalg.norm(released - centre, axis=1), 0.1, atol=100 * TINY)


def test_the_sensitivity_is_the_papers_at_another_norm():
    mine, papers = Centered(k=20, radius=0.5).sensitivity(), Gaussian(k=20, clip_norm=0.5).sensitivity()
    assert mine == papers


def test_the_norm_is_chosen_on_public_rows_and_falls_with_the_noise(public):
    rich, poor = Terms(Budget(50.0, 1e-5), 1, 1000), dataclasses.replace(TERMS, num_queries=10_000)
    loose, tight = (Centered(k=50, sampling_rate=0.5).prepare(public, terms) for terms in (rich, poor))
    assert 0 < tight.radius < loose.radius <= 2
    assert Centered(radius=0.3).prepare(public, TERMS).radius == 0.3


def test_without_public_rows_it_is_refused(tmp_path):
    with pytest.raises(UserError, match="radius"):
        Centered().sensitivity()
    with pytest.raises(UserError, match="public centres"):
        release(Centered(radius=0.5), private_store(tmp_path, unit_rows(5, DIM)), np.eye(DIM)[:1])


def test_centres_that_were_changed_are_refused(tmp_path, public):
    mechanism = Centered(radius=0.5).prepare(public, TERMS)
    prior = PublicPrior.load(public.folder / "prior.safetensors")
    dataclasses.replace(prior, rows=-prior.rows).save(public.folder / "prior.safetensors")
    with pytest.raises(UserError, match="hash differs"):
        release(dataclasses.replace(mechanism), private_store(tmp_path / "s", unit_rows(5, DIM)), public.queries)
