"""The third accountant, beside the two that charge."""

import pytest
from dp_accounting.dp_event import LaplaceDpEvent, NonPrivateDpEvent

from dprdm.audit.prv import EPSILON_ERROR, epsilon_prv
from dprdm.privacy.events import compose, sampled_gaussian
from dprdm.privacy.loss import epsilon_pld


@pytest.mark.parametrize(("multiplier", "rate", "queries"), [(0.9, 0.01, 1000), (1.0, 0.05, 80), (4.0, 1.0, 3)])
def test_agrees_with_pld(multiplier: float, rate: float, queries: int) -> None:
    event = sampled_gaussian(multiplier, rate, queries)
    epsilon = epsilon_prv(event, 1e-5)
    assert epsilon is not None
    assert epsilon - 2 * EPSILON_ERROR - 1e-3 <= epsilon_pld(event, 1e-5) <= epsilon


def test_composes_different_events() -> None:
    parts = [sampled_gaussian(0.9, 0.01, 500), sampled_gaussian(2.0, 0.1, 20)]
    both = epsilon_prv(compose(parts), 1e-5)
    assert both is not None
    assert both == pytest.approx(epsilon_pld(compose(parts), 1e-5), abs=2 * EPSILON_ERROR + 1e-3)


def test_says_none_where_it_does_not_run() -> None:
    assert epsilon_prv(compose([]), 1e-5) is None
    assert epsilon_prv(NonPrivateDpEvent(), 1e-5) is None
    assert epsilon_prv(LaplaceDpEvent(1.0), 1e-5) is None
