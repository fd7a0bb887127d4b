"""The ceiling on attacks, held against the Gaussian mechanism's exact trade-off."""

import math

import pytest
from scipy.stats import norm

from dprdm.privacy import events
from dprdm.privacy.accountant import report
from dprdm.report.attack_bounds import Promise, attack_ceiling, joint_promise

DELTA = 1e-5


def _gaussian(noise_multiplier):
    return events.sampled_gaussian(noise_multiplier, 1.0, 1)


@pytest.mark.parametrize("noise_multiplier", [0.5, 1.0, 3.0])
def test_no_attack_on_a_gaussian_passes_it_and_one_comes_near(noise_multiplier):
    event = _gaussian(noise_multiplier)
    epsilon = report(event, DELTA).epsilon
    best = norm.cdf(norm.ppf(0.01) + 1 / noise_multiplier)  # of the optimal test. Source: arXiv 1905.02383
    ceiling = attack_ceiling(epsilon, DELTA, event)
    assert best <= ceiling <= min(1.0, best * 1.6)
    assert ceiling < attack_ceiling(epsilon, DELTA, None)  # the claim alone says less


def test_without_any_privacy_there_is_no_ceiling():
    assert attack_ceiling(math.inf, DELTA, None) == 1.0
    assert attack_ceiling(1000.0, DELTA, None) == 1.0


def test_what_reads_nothing_leaves_a_coin():
    assert attack_ceiling(0.0, DELTA, None) == pytest.approx(0.01 + DELTA)


def test_stores_compose():
    event = _gaussian(1.0)
    one = Promise(report(event, DELTA).epsilon, DELTA, event)
    both = joint_promise([one, one])
    assert joint_promise([one]) == one
    assert both.epsilon == report(events.compose([event, event]), DELTA).epsilon
    assert one.epsilon < both.epsilon < 2 * one.epsilon
    unknown = joint_promise([one, Promise(1.0, DELTA, None)])
    assert (unknown.epsilon, unknown.delta) == (one.epsilon + 1.0, 2 * DELTA)
    assert joint_promise([one, Promise(math.inf, DELTA, None)]).detected == 1.0
