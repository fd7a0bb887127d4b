import numpy as np
import pytest

from dprdm.audit.likelihood import likelihood_ratios
from dprdm.audit.membership import RATIO, both_attacks
from dprdm.audit.roc import ceiling
from dprdm.audit.shadows import Pool, Seen, as_released, attack, random_halves
from dprdm.guarantee.plan import make_plan
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.mechanisms.nonprivate import NonPrivate
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.budget import Budget
from dprdm.types import Answered
from tests.fakes import unit_rows

DELTA = 1e-5
ROWS = unit_rows(60, 8)
OWN = Pool(ROWS, np.arange(30), ROWS[:30], np.arange(30))


def seen(mechanism, epsilon=1.0, queries=1, trials=12, see=as_released, pool=OWN):
    plan = make_plan(mechanism, Exact(), Budget(epsilon, DELTA), queries)
    is_in = random_halves(trials, len(ROWS), np.random.default_rng(1))
    told = []
    found = attack(pool, plan, is_in, see, told.append)
    assert told == [1] * trials
    return found, is_in[:, pool.candidates], plan


def test_halves_are_halves_and_differ():
    halves = random_halves(50, 61, np.random.default_rng(0))
    assert (halves.sum(axis=1) == 30).all()
    assert len(np.unique(halves, axis=0)) == 50


def test_one_neighbour_without_noise_gives_everyone_away():
    found, is_member, _ = seen(NonPrivate(k=1, sampling_rate=1.0))
    assert np.allclose(found.nearest[is_member], 1.0)
    assert (found.nearest[~is_member] < 0.999).all()
    for way in both_attacks(found, is_member):
        assert way.rate(0.01).value == 1
        assert way.curve().true_positive[-1] == 1


def test_with_privacy_no_attack_passes_the_ceiling():
    found, is_member, plan = seen(Gaussian(k=2, sampling_rate=1.0), epsilon=1.0, trials=24)
    costs = plan.epsilons()
    for way in both_attacks(found, is_member):
        for false_positive in (0.01, 0.1, 0.3):
            assert way.rate(false_positive).low <= ceiling(false_positive, costs.epsilon, costs.delta)
        assert 0.4 < way.area(np.random.default_rng(0)).value < 0.75


def test_a_large_epsilon_hides_little():
    """The control: the same attack on the same code does find members where it may."""
    found, is_member, _ = seen(Gaussian(k=1, sampling_rate=1.0), epsilon=1e4)
    ratio = next(way for way in both_attacks(found, is_member) if way.attack == RATIO)
    assert ratio.rate(0.05).value > 0.8


def test_the_shift_is_the_projection_by_hand():
    vectors = np.random.default_rng(2).normal(size=(4, 3, 8))
    drawn = iter(vectors)
    pool = Pool(ROWS, np.arange(3), ROWS[:3], np.arange(3))
    found, _, _ = seen(NonPrivate(k=1, sampling_rate=1.0), trials=4, see=lambda answered: next(drawn), pool=pool)
    usual = vectors[1:, 2].mean(axis=0)
    direction = ROWS[2] - usual
    expected = (vectors[0, 2] - usual) @ direction / np.linalg.norm(direction)
    assert found.shift[0, 2] == pytest.approx(expected)
    assert found.nearest[0, 2] == pytest.approx(vectors[0, 2] @ ROWS[2] / np.linalg.norm(vectors[0, 2]), rel=1e-5)


def test_every_query_is_asked_as_often_as_is_paid_for():
    asked = []

    def see(answered: Answered):
        asked.append(answered.vectors.shape)
        return answered.vectors

    pool = Pool(ROWS, np.arange(6), ROWS[:2], np.arange(6) % 2)
    found, is_member, plan = seen(Gaussian(k=2, sampling_rate=1.0), queries=3, trials=3, see=see, pool=pool)
    assert asked == [(2 * 3, 8)] * 3
    assert plan.epsilons(3).epsilon <= 1
    assert isinstance(found, Seen)
    assert np.isfinite(likelihood_ratios(found.shift, is_member)).all()
