"""Lower bounds against what is known in closed form. For N(0, 1) and N(mu, 1), Gaussian differential privacy gives it."""

import math

import numpy as np
import pytest
from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism
from scipy import stats

from dprdm.audit.bounds import lower_bound, project, rate_high, rate_low, to_choose_on
from dprdm.errors import UserError
from tests.statistics import FALSE_ALARM

DELTAS = [1e-5, 1e-2, 1e-1]


def _scores(mu, trials=4000, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(mu, 1.0, trials), generator.normal(0.0, 1.0, trials)


def _true_epsilon(mu, delta):
    """Balle and Wang 2018: delta(epsilon) = Phi(mu/2 - eps/mu) - e^eps Phi(-mu/2 - eps/mu), solved by bisection."""
    low, high = 0.0, 50.0
    for _ in range(100):
        middle = (low + high) / 2
        spent = stats.norm.cdf(mu / 2 - middle / mu)
        spent -= math.exp(middle + stats.norm.logcdf(-mu / 2 - middle / mu))
        low, high = (middle, high) if spent > delta else (low, middle)
    return high


def _best_epsilon(mu, delta, up_to=8.0):
    """What the best threshold shows where both rates are known exactly."""
    thresholds = np.linspace(-5, up_to, 5000)
    rate, other = stats.norm.sf(thresholds - mu), stats.norm.sf(thresholds)
    return np.log(np.maximum(rate - delta, 1e-300) / other).max()


@pytest.mark.parametrize("delta", [1e-3, 1e-2, 1e-1])
def test_the_oracles_agree(delta):
    loss = from_gaussian_mechanism(1.0, value_discretization_interval=1e-4)
    assert _true_epsilon(1.0, delta) == pytest.approx(loss.get_epsilon_for_delta(delta), abs=1e-3)
    assert _best_epsilon(1.0, delta) <= _true_epsilon(1.0, delta) + 1e-9


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("mu", [0.5, 1.0, 3.0])
def test_below_the_truth_and_not_far_below(mu, delta):
    shown = lower_bound(*_scores(mu, 100_000), delta, 1 - FALSE_ALARM)
    assert shown <= _true_epsilon(mu, delta)
    assert shown >= 0.8 * _best_epsilon(mu, delta, up_to=2.0) - 0.1  # where there are trials enough to count


@pytest.mark.parametrize(("with_sign", "swap"), [(1, False), (-1, False), (1, True), (-1, True)])
def test_either_side_and_either_world(with_sign, swap):
    """One world has a tail that the other lacks, above or below: found wherever it is."""
    wide, narrow = _scores(0.0)
    wide[::5] += 6.0
    worlds = (with_sign * narrow, with_sign * wide) if swap else (with_sign * wide, with_sign * narrow)
    assert lower_bound(*worlds, 1e-5, 1 - FALSE_ALARM) > 2.5


def test_no_difference_shows_nothing():
    assert lower_bound(*_scores(0.0), 1e-5, 1 - FALSE_ALARM) == 0
    assert lower_bound(np.zeros(400), np.zeros(400), 1e-5, 0.99) == 0


def test_a_clean_separation_is_bounded_by_the_trials_alone():
    """All hits in one world and none in the other: log((low - delta) / high), with low and high in closed form."""
    error, counted = FALSE_ALARM / 2, 3000
    low, high = error ** (1 / counted), 1 - error ** (1 / counted)
    shown = lower_bound(np.ones(4000), np.zeros(4000), 1e-3, 1 - FALSE_ALARM)
    assert shown == pytest.approx(math.log((low - 1e-3) / high), rel=1e-4)


@pytest.mark.parametrize("hits", [0, 1, 37, 100])
def test_rates_by_the_binomial_itself(hits):
    """At the bound, as many hits as were seen, or more extreme, have just the chance that is allowed."""
    low, high = rate_low(np.array([hits]), 100, 1e-3)[0], rate_high(np.array([hits]), 100, 1e-3)[0]
    assert low == 0 if hits == 0 else stats.binom.sf(hits - 1, 100, low) == pytest.approx(1e-3)
    assert high == 1 if hits == 100 else stats.binom.cdf(hits, 100, high) == pytest.approx(1e-3)


def test_false_alarms():
    """The innocent of epsilon log 2 at delta 0, which the best test reaches: accused as rarely as promised.

    That rate is checked at confidence 0.9, where it can be counted; it holds at 1 - 1e-6 by the same arithmetic.
    """
    generator, alarms, runs, confidence = np.random.default_rng(0), 0, 400, 0.9
    for _ in range(runs):
        present, absent = (generator.random(1000) < rate for rate in (2 / 3, 1 / 3))
        shown = lower_bound(present.astype(np.float64), absent.astype(np.float64), 0.0, confidence)
        alarms += shown > math.log(2)
    assert stats.binom.sf(alarms - 1, runs, 1 - confidence) > FALSE_ALARM


def test_false_alarms_of_one_who_peeks():
    """The control: rates counted on the trials that the test was chosen on, without their uncertainty, accuse."""
    generator, alarms = np.random.default_rng(0), 0
    for _ in range(50):
        present, absent = generator.normal(size=(2, 200))
        thresholds = np.concatenate([present, absent])
        rates = ((scores[None] >= thresholds[:, None]).mean(axis=1) for scores in (present, absent))
        rate, other = (np.maximum(values, 1 / 200) for values in rates)
        alarms += np.log(rate / other).max() > 0.2
    assert alarms > 25


def test_projection_is_learnt_on_the_trials_to_choose_on_alone():
    generator = np.random.default_rng(0)
    present, absent = generator.normal(size=(2, 400, 3))
    present[to_choose_on(400), 1] += 50.0
    scores, _ = project(present, absent)
    others = present.copy()
    others[~to_choose_on(400)] = generator.normal(size=(300, 3)) + np.array([9.0, 0.0, 0.0])
    assert np.array_equal(project(others, absent)[0][to_choose_on(400)], scores[to_choose_on(400)])
    assert np.corrcoef(scores, present[:, 1])[0, 1] > 0.99


@pytest.mark.parametrize("confidence", [0.1, 1.0])
def test_confidence_is_checked(confidence):
    with pytest.raises(UserError, match="confidence"):
        lower_bound(*_scores(1.0, 100), 1e-5, confidence)
