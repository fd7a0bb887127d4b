import numpy as np
import pytest
from scipy.stats import binom, norm

from dprdm.audit.likelihood import likelihood_ratios
from dprdm.audit.roc import area, rate_at
from dprdm.errors import UserError
from tests.statistics import FALSE_ALARM


def problem(trials, candidates, shift, seed=0):
    """Normal statistics whose mean, of each candidate's own, moves by `shift` standard deviations with membership."""
    rng = np.random.default_rng(seed)
    is_member = rng.random((trials, candidates)) < 0.5
    usual, scale = rng.normal(size=candidates), np.exp(rng.normal(size=candidates)) / 10
    statistics = usual + scale * (shift * is_member + rng.normal(size=is_member.shape))
    return statistics, is_member


@pytest.mark.parametrize("trials", [12, 64], ids=["shared variance", "own variance"])
def test_comes_near_the_best_there_is(trials):
    """Neyman and Pearson: at false positives a, no test beats Phi(shift - z_a)."""
    statistics, is_member = problem(trials, 12_000 // trials, 3.0)
    if trials == 12:
        statistics /= statistics.std(axis=0)  # candidates of one scale
    scores = likelihood_ratios(statistics, is_member)
    best = norm.cdf(3.0 - norm.isf(0.01))
    found = rate_at(scores.ravel(), is_member.ravel(), 0.01).value
    assert best - 0.2 < found < best + 0.06
    assert area(scores.ravel(), is_member.ravel()) == pytest.approx(norm.cdf(3 / 2**0.5), abs=0.02)


def test_a_threshold_for_all_does_worse():
    statistics, is_member = problem(64, 150, 3.0)
    own = likelihood_ratios(statistics, is_member)
    rates = [rate_at(scores.ravel(), is_member.ravel(), 0.01).value for scores in (own, statistics)]
    assert rates[0] > 5 * rates[1]


@pytest.mark.parametrize("trials", [5, 12, 64])
def test_nothing_to_know_is_not_known(trials):
    statistics, is_member = problem(trials, 20_000 // trials, 0.0)
    scores, members = likelihood_ratios(statistics, is_member).ravel(), is_member.ravel()
    others = int((~members).sum())
    spread = (1 / others + 1 / members.sum()) ** 0.5 / 12**0.5
    assert abs(area(scores, members) - 0.5) < norm.isf(FALSE_ALARM / 2) * spread
    hits = round(rate_at(scores, members, 0.01).value * members.sum())
    # The threshold is itself estimated, of others: allow for the error of both.
    high = binom.isf(FALSE_ALARM / 4, others, 0.01) / others
    assert binom.ppf(FALSE_ALARM / 4, members.sum(), 0.01 / 2) < hits < binom.isf(FALSE_ALARM / 4, members.sum(), high)


def test_a_trial_is_scored_by_the_others_alone():
    statistics, is_member = problem(40, 3, 2.0)
    scores = likelihood_ratios(statistics, is_member)
    rest, mine = statistics[1:], is_member[1:]
    for column in range(3):
        inside, outside = rest[mine[:, column], column], rest[~mine[:, column], column]
        densities = [norm.logpdf(statistics[0, column], part.mean(), part.std(ddof=1)) for part in (inside, outside)]
        assert scores[0, column] == pytest.approx(densities[0] - densities[1])


def test_one_that_was_never_out_elsewhere_says_nothing():
    statistics, is_member = problem(6, 4, 5.0)
    is_member[:, 0] = True
    is_member[0, 0] = False
    assert likelihood_ratios(statistics, is_member)[0, 0] == 0
    assert np.isfinite(likelihood_ratios(statistics, is_member)).all()


def test_needs_shadows():
    with pytest.raises(UserError, match="trials=2"):
        likelihood_ratios(*problem(2, 4, 1.0))
