import dataclasses

import numpy as np
import pytest

from dprdm.errors import UserError
from dprdm.guarantee.plan import make_plan
from dprdm.guarantee.rehearsal import SearchStage, rehearse, settings_for
from dprdm.plugins.mechanisms.codebook import Codebook
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.public import Public
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from tests.fakes import public_store, unit_rows
from tests.plugins_outside.outside.laplace import Laplace

COUNT, DIM = 600, 16
BUDGET = Budget(10.0, 1e-4)


@pytest.fixture
def stage(tmp_path):
    return SearchStage.of(public_store(tmp_path / "store", unit_rows(COUNT, DIM)), 10, num_queries=20)


def test_ranks_all_others_by_inner_product(stage):
    vectors = unit_rows(COUNT, DIM)
    asked = np.unique(np.linspace(0, COUNT - 1, 20).astype(int))
    for own, ranked in zip(asked, stage.rankings, strict=True):
        assert own not in ranked
        assert len(ranked) == stage.depth == COUNT - 1
        assert np.all(np.diff(vectors[ranked] @ vectors[own]) <= 1e-6)


@pytest.mark.parametrize(("k", "rate"), [(5, 0.2), (5, 0.01), (30, 1.0)])
def test_acts_as_the_mechanism_does(stage, tmp_path, k, rate):
    """Oracle: the mechanism itself, on a public store without the query's own row. Means over draws agree."""
    others = np.delete(unit_rows(COUNT, DIM), 0, axis=0)
    store, query = public_store(tmp_path / "others", others), unit_rows(COUNT, DIM)[:1].astype(np.float64)
    draws = 400
    mechanism, queries = Gaussian(k, rate), np.repeat(query, draws, axis=0)
    theirs = mechanism.means(queries, mechanism.centres(queries), store, Public(), SecureNoise())
    first = dataclasses.replace(
        stage, queries=stage.queries[:1], rankings=stage.rankings[:1], targets=stage.targets[:1]
    )
    mine = np.concatenate([first.means(mechanism, SecureNoise()) for _ in range(draws)])
    deviation = np.sqrt((theirs.var(axis=0) + mine.var(axis=0)) / draws) + 1e-9
    assert np.all(np.abs(theirs.mean(axis=0) - mine.mean(axis=0)) < 6.5 * deviation)  # 16 coordinates, 1e-9 in all


def test_best_first_and_noise_as_planned(stage):
    found = rehearse(stage, Gaussian(), BUDGET, 50, [(5, 0.1), (20, 0.1), (20, 0.5)], SecureNoise())
    assert [one.cosine for one in found] == sorted((one.cosine for one in found), reverse=True)
    for one in found:
        noise_std = make_plan(Gaussian(one.k, one.sampling_rate), Public(), BUDGET, 50).noise_std
        assert one.noise_std == pytest.approx(noise_std, rel=0.02)
        assert one.cosine < one.without_noise <= 1


def test_all_rows_without_noise_are_the_target(stage):
    (found,) = rehearse(stage, Gaussian(), Budget(1e4, 0.5), 1, [(10, 1.0)], SecureNoise())
    assert found.without_noise == pytest.approx(1)


def test_settings_that_find_too_few_rows_are_left_out(stage):
    assert settings_for((5, 50), (0.01, 0.1), records=1000) == [(5, 0.01), (5, 0.1), (50, 0.1)]
    with pytest.raises(UserError, match="larger public store"):
        rehearse(stage, Gaussian(), BUDGET, 10, [(20, 0.01)], SecureNoise())


def test_noise_and_clipping_are_the_mechanisms_own(stage):
    """Laplace noise, and rows clipped to an L1 norm of 1, which is a quarter of theirs at most."""
    mechanism = Laplace(k=10, sampling_rate=1.0, clip_norm=1.0)
    means = stage.means(mechanism, SecureNoise())
    assert np.abs(means).sum(axis=1).max() <= 1 + 1e-9
    (rehearsed,) = rehearse(stage, mechanism, Budget(1e3, 0.5), 1, [(10, 1.0)], SecureNoise())
    assert 0.9 < rehearsed.without_noise < 1
    assert rehearsed.noise_std == pytest.approx(mechanism.sensitivity() / 1e3 * 2**0.5, rel=0.05)


def test_a_mechanism_that_averages_nothing_is_refused(stage):
    with pytest.raises(UserError, match="codebook does not"):
        rehearse(stage, Codebook(), BUDGET, 10, [(5, 0.5)], SecureNoise())
