"""Searches over events: the least noise, the most queries, the smallest k that a budget allows. Safe side always."""

import math
from collections.abc import Callable

from dp_accounting.dp_event import DpEvent
from scipy.optimize import brentq

from dprdm.errors import UserError
from dprdm.privacy.accountant import epsilon_without_allowance, fits, report
from dprdm.privacy.budget import Budget
from dprdm.privacy.renyi import epsilon_rdp

# How much more noise than the least may come out, relative to it.
TOLERANCE = 1e-4
MOST = 10**9
MOST_NOISE = 2.0**30
MOST_NOISE_BY_RDP = 2.0**12
LEAST_NOISE = 2.0**-100


def calibrate(
    make_event: Callable[[float], DpEvent], budget: Budget, guess: float = 1.0, tolerance: float = TOLERANCE
) -> float:
    """Return the least noise whose event fits the budget, to a relative `tolerance`, never less than it.

    Args:
        make_event: event of a noise; epsilon must fall as the noise grows.
        guess: where to start looking.
    Raises:
        UserError: if no noise up to `MOST_NOISE` fits.
    Guarantee:
        - The event of the result costs at most the budget, as the ledger will reckon it
          (tests/privacy/test_calibration.py::test_hazard_12_calibration_never_overspends).
    """

    def excess(log_noise: float) -> float:
        event = make_event(math.exp(log_noise))
        return _log_ratio(epsilon_without_allowance(event, budget.delta), budget)

    def fits_at(log_noise: float) -> bool:
        return fits(make_event(math.exp(log_noise)), budget)

    high = enough = math.log(_enough(make_event, budget, guess))
    low = high - math.log(2)
    while excess(low) <= 0:
        high, low = low, low - math.log(2)
        if low < math.log(LEAST_NOISE):
            raise UserError(
                "Expected a mechanism whose epsilon grows as its noise falls; this one costs the same with none."
            )
    log_noise = brentq(excess, low, high, xtol=tolerance / 4)
    if not fits_at(log_noise) and not fits_at(log_noise + tolerance / 2):
        # Here the allowance for rounding counts.
        log_noise = brentq(lambda value: _excess(make_event(math.exp(value)), budget), low, enough, xtol=tolerance / 4)
    while not fits_at(log_noise):
        log_noise += tolerance / 2
    return math.exp(log_noise)


def largest_count(make_event: Callable[[int], DpEvent], budget: Budget) -> int:
    """Return the largest count whose event fits the budget, at most `MOST`; epsilon must grow with it. 0 if none fits."""
    low = _last_by_rdp(make_event, budget)
    high = low + 1
    while fits(make_event(high), budget):
        if high == MOST:
            return MOST
        low, high = high, min(2 * high, MOST)
    return _last(lambda count: _excess(make_event(count), budget), low, high)


def smallest_count(make_event: Callable[[int], DpEvent], budget: Budget) -> int:
    """Return the smallest count, from 1, whose event fits the budget; epsilon must fall as it grows.

    Raises:
        UserError: if no count up to `MOST` fits.
    """
    high = 1
    while not fits(make_event(high), budget):
        high *= 2
        if high > MOST:
            raise _nothing_fits(budget)
    return 1 + _last(lambda count: -_excess(make_event(count), budget), high // 2, high)


def _excess(event: DpEvent, budget: Budget) -> float:
    """Return log(epsilon / budget's epsilon), within bounds that root finding can take."""
    return _log_ratio(report(event, budget.delta).epsilon, budget)


def _log_ratio(epsilon: float, budget: Budget) -> float:
    return math.log(min(max(epsilon / budget.epsilon, 1e-9), 1e9))


def _enough(make_event: Callable[[float], DpEvent], budget: Budget, guess: float) -> float:
    """Return some noise that fits: by RDP, which is quick, less than twice the least; where RDP finds none, by PLD."""
    for holds, most in ((_fits_by_rdp, MOST_NOISE_BY_RDP), (fits, MOST_NOISE)):
        noise = guess
        while noise <= most and not holds(make_event(noise), budget):
            noise *= 2
        if noise <= most:
            break
    else:
        raise _nothing_fits(budget)
    while noise > LEAST_NOISE and _fits_by_rdp(make_event(noise / 2), budget):
        noise /= 2
    return noise


def _fits_by_rdp(event: DpEvent, budget: Budget) -> bool:
    return epsilon_rdp(event, budget.delta)[0] <= budget.epsilon


def _last_by_rdp(make_event: Callable[[int], DpEvent], budget: Budget) -> int:
    low, high = 0, 1
    while high < MOST and _fits_by_rdp(make_event(high), budget):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _fits_by_rdp(make_event(middle), budget) else (low, middle)
    return low


def _last(excess: Callable[[int], float], low: int, high: int) -> int:
    """Return the last count with no excess, where `low` has none and `high` has some: the Illinois method on whole numbers."""
    at_low, at_high = min(excess(low), -1e-12) if low else -1.0, excess(high)
    while high - low > 1:
        guess = round(low + (high - low) * at_low / (at_low - at_high))
        middle = min(max(guess, low + 1), high - 1)
        value = excess(middle)
        if value <= 0:
            low, at_low, at_high = middle, min(value, -1e-12), at_high / 2
        else:
            high, at_high, at_low = middle, value, at_low / 2
    return low


def _nothing_fits(budget: Budget) -> UserError:
    return UserError(f"No setting meets {budget}. Allow a larger epsilon or delta.")
