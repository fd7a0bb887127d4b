import math

import pytest
from dp_accounting import dp_event
from hypothesis import given, settings
from hypothesis import strategies as st

from dprdm.errors import UserError
from dprdm.privacy.accountant import fits, report
from dprdm.privacy.budget import Budget
from dprdm.privacy.calibration import TOLERANCE, calibrate, largest_count, smallest_count
from dprdm.privacy.events import sampled_gaussian


@settings(max_examples=8, deadline=None, database=None)
@given(
    epsilon=st.floats(-1.5, 1.5).map(lambda power: 10**power),
    delta=st.floats(-9, -3).map(lambda power: 10**power),
    rate=st.sampled_from([0.001, 0.02, 0.3, 1.0]),
    queries=st.sampled_from([1, 30, 1000]),
)
def test_hazard_12_calibration_never_overspends(epsilon, delta, rate, queries):
    budget = Budget(epsilon, delta)
    noise = calibrate(lambda value: sampled_gaussian(value, rate, queries), budget)
    assert report(sampled_gaussian(noise, rate, queries), delta).epsilon <= epsilon


@pytest.mark.parametrize(("epsilon", "rate", "queries"), [(0.1, 0.01, 1000), (1.0, 1.0, 1), (10.0, 0.02, 10_000)])
def test_calibration_wastes_nothing(epsilon, rate, queries):
    budget = Budget(epsilon, 1e-6)
    noise = calibrate(lambda value: sampled_gaussian(value, rate, queries), budget)
    assert not fits(sampled_gaussian(noise * (1 - 3 * TOLERANCE), rate, queries), budget)


def test_beats_the_papers_accountant():
    noise = calibrate(lambda value: sampled_gaussian(value, 0.0013217926, 100), Budget(10.0, 1 / 82800))
    assert noise < 0.035 * 10  # what RDP asks for


@pytest.mark.parametrize(("rate", "budget"), [(0.002, Budget(2.0, 1e-5)), (0.01, Budget(0.1, 1e-6))])
def test_largest_count_is_the_last_that_fits(rate, budget):
    count = largest_count(lambda number: sampled_gaussian(1.0, rate, number), budget)
    assert fits(sampled_gaussian(1.0, rate, count), budget) or count == 0
    assert not fits(sampled_gaussian(1.0, rate, count + 1), budget)


def test_smallest_count_is_the_first_that_fits():
    budget = Budget(5.0, 1e-5)
    k = smallest_count(lambda number: sampled_gaussian(0.05 * number / 2, 0.02, 1000), budget)
    assert fits(sampled_gaussian(0.05 * k / 2, 0.02, 1000), budget)
    assert not fits(sampled_gaussian(0.05 * (k - 1) / 2, 0.02, 1000), budget)


def test_a_budget_that_no_noise_meets():
    with pytest.raises(UserError, match="No setting meets"):
        calibrate(lambda _: dp_event.NonPrivateDpEvent(), Budget(1.0, 1e-6))
    with pytest.raises(UserError, match="No setting meets"):
        smallest_count(lambda _: dp_event.NonPrivateDpEvent(), Budget(1.0, 1e-6))


def test_a_mechanism_whose_noise_costs_nothing():
    with pytest.raises(UserError, match="costs the same"):
        calibrate(lambda _: dp_event.NoOpDpEvent(), Budget(1.0, 1e-6))
    assert largest_count(lambda _: dp_event.NoOpDpEvent(), Budget(1.0, 1e-6)) == 10**9


def test_control_a_search_that_stops_on_the_wrong_side_is_seen():
    noise = calibrate(lambda value: sampled_gaussian(value, 0.02, 30), Budget(1.0, 1e-6))
    assert report(sampled_gaussian(noise * (1 - 5 * TOLERANCE), 0.02, 30), 1e-6).epsilon > 1
    assert math.isfinite(noise)
