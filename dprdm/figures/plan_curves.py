"""The numbers in the planner's pictures. They rest on public settings alone."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from dp_accounting.dp_event import DpEvent
from jaxtyping import Float, Int

from dprdm.privacy.accountant import epsilon_rdp, report
from dprdm.privacy.calibration import calibrate
from dprdm.release.plan import Plan

POINTS = 13
COLLECTIONS = (10**5, 10**6, 10**7, 10**8)
LOWEST_DENSITY, HIGHEST_DENSITY, PER_DECADE = -6, -1, 6
# Noise is solved for at so many sampling rates, to this tolerance, and interpolated between them.
RATES, TOLERANCE = 16, 0.02


@dataclass(frozen=True, eq=False)
class Curve:
    """Epsilon by both accountants while one setting varies and the others stay as planned; `here` is the plan's."""

    values: Float[np.ndarray, "point"]
    pld: Float[np.ndarray, "point"]
    rdp: Float[np.ndarray, "point"]
    here: float

    def epsilon(self, factor: float = 1.0) -> float:
        """The smaller bound at a multiple of the plan's value, interpolated; at the end of the curve beyond it."""
        logs = np.log(np.minimum(self.pld, self.rdp))
        return float(np.exp(np.interp(np.log(self.here * factor), np.log(self.values), logs)))


@dataclass(frozen=True, eq=False)
class Region:
    """Length of the noise at each sampling rate and k, NaN where a sample holds fewer than k rows on average."""

    sampling_rates: Float[np.ndarray, "rate"]
    ks: Int[np.ndarray, "k"]
    noise_norms: Float[np.ndarray, "k rate"]


def by_queries(plan: Plan) -> Curve:
    """Epsilon against the number of queries, from a hundredth to a hundredfold."""
    numbers = _whole(np.geomspace(plan.num_queries / 100, plan.num_queries * 100, POINTS))
    return _curve(plan, numbers, plan.num_queries, [plan.event(int(number)) for number in numbers])


def by_k(plan: Plan) -> Curve:
    """Epsilon against the number of neighbours, from an eighth to eightfold, with the noise as planned."""
    k = plan.tuning.k
    ks = _whole(np.geomspace(k / 8, k * 8, POINTS))
    return _curve(plan, ks, k, [plan.tuned(k=int(value)).event() for value in ks])


def by_sampling_rate(plan: Plan) -> Curve:
    """Epsilon against the sampling rate, from a thirtieth to thirtyfold, with the noise as planned."""
    rate = plan.tuning.sampling_rate
    rates = np.geomspace(rate / 30, min(1.0, rate * 30), POINTS)
    return _curve(plan, rates, rate, [plan.tuned(sampling_rate=float(value)).event() for value in rates])


def densities() -> Float[np.ndarray, "density"]:
    """Shares of a collection that match a concept."""
    count = (HIGHEST_DENSITY - LOWEST_DENSITY) * PER_DECADE + 1
    return 10.0 ** (LOWEST_DENSITY + np.arange(count) / PER_DECADE)


def least_epsilons(plan: Plan, records: int) -> Float[np.ndarray, "density"]:
    """Least epsilon, at delta 1/records, at which k can be the number of matching records that a sample holds.

    With the plan's noise and number of queries. k is the expected number of matches in the sample, rounded down, and
    the sampling rate is the best one: found by RDP, epsilon there by the tighter accountant. Infinite where nothing
    matches.
    """
    # To a sixth of a decade, so that collections of all sizes share the same numbers of matches, and their bounds.
    exponents = np.rint(PER_DECADE * np.log10(records * densities())) / PER_DECADE
    matches = [10.0**exponent * (1 + 1e-12) for exponent in exponents.tolist()]
    return np.array([_least_epsilon(plan, expected, 1 / records) for expected in matches])


def feasible_region(plan: Plan, records: int, dim: int) -> Region:
    """The noise that the plan's budget and queries ask for, at each sampling rate and k."""
    rates = np.geomspace(max(1e-5, min(1 / records, 0.1)), 1.0, RATES)
    multipliers = [_multiplier(plan.tuned(sampling_rate=float(rate))) for rate in rates]
    fine, ks = np.geomspace(rates[0], 1.0, 240), _whole(np.geomspace(2, 1000, 120))
    noise = np.exp(np.interp(np.log(fine), np.log(rates), np.log(multipliers)))
    sensitivities = np.array([plan.tuned(k=int(k)).sensitivity for k in ks])
    norms = sensitivities[:, None] * noise * np.sqrt(dim)
    return Region(fine, ks, np.where(fine * records >= ks[:, None], norms, np.nan))


def _least_epsilon(plan: Plan, expected: float, delta: float) -> float:
    most = int(expected)
    if most < 1:
        return np.inf
    # For each k the best rate is the smallest at which a sample is expected to hold k matches.
    ks = {int(k): k / expected for k in _whole(np.geomspace(1, most, 6))} | {most: 1.0}
    candidates = [plan.tuned(k, min(1.0, rate)).event() for k, rate in ks.items()]
    best = min(candidates, key=lambda event: epsilon_rdp(event, delta)[0])
    return report(best, delta).epsilon


def _multiplier(plan: Plan) -> float:
    noise_std = calibrate(
        lambda value: plan.with_noise_std(value).event(), plan.budget, plan.sensitivity, tolerance=TOLERANCE
    )
    return noise_std / plan.sensitivity


def _curve(plan: Plan, values: np.ndarray, here: float, events: Iterable[DpEvent]) -> Curve:
    costs = [report(event, plan.budget.delta) for event in events]
    pld, rdp = np.array([cost.pld for cost in costs]), np.array([cost.rdp for cost in costs])
    return Curve(values.astype(np.float64), pld, rdp, float(here))


def _whole(values: np.ndarray) -> Int[np.ndarray, "value"]:
    return np.unique(np.maximum(np.rint(values), 1).astype(np.int64))
