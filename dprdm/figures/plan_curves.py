"""The numbers in the figures of a plan. They rest on public settings alone."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from dp_accounting.dp_event import DpEvent
from jaxtyping import Float, Int

from dprdm.guarantee.plan import Plan
from dprdm.privacy.accountant import report
from dprdm.privacy.calibration import calibrate
from dprdm.privacy.renyi import epsilon_rdp

POINTS = 13
COLLECTIONS = (10**5, 10**6, 10**7, 10**8)
LOWEST_DENSITY, HIGHEST_DENSITY, PER_DECADE = -6, -1, 6
# Noise is solved for at so many sampling rates, to this tolerance, and interpolated between them.
RATES, TOLERANCE = 16, 0.02


@dataclass(frozen=True, eq=False)
class CostCurve:
    """Epsilon by both accountants while one setting varies and the others stay as planned.

    Args:
        values: of the setting.
        pld: epsilon at each value by privacy loss distributions.
        rdp: epsilon at each value by Renyi divergences.
        planned: value of the setting in the plan.
    """

    values: Float[np.ndarray, "point"]
    pld: Float[np.ndarray, "point"]
    rdp: Float[np.ndarray, "point"]
    planned: float

    def epsilon(self, factor: float = 1.0) -> float:
        """Return the smaller bound at a multiple of the plan's value, interpolated; beyond the curve, that at its end."""
        logs = np.log(np.minimum(self.pld, self.rdp))
        return float(np.exp(np.interp(np.log(self.planned * factor), np.log(self.values), logs)))


@dataclass(frozen=True, eq=False)
class NoiseRegion:
    """Length of the noise at each sampling rate and k, NaN where a sample holds fewer than k rows on average."""

    sampling_rates: Float[np.ndarray, "rate"]
    ks: Int[np.ndarray, "k"]
    noise_norms: Float[np.ndarray, "k rate"]


def by_queries(plan: Plan) -> CostCurve:
    """Return epsilon against the number of queries, from a hundredth to a hundredfold."""
    numbers = _whole(np.geomspace(plan.num_queries / 100, plan.num_queries * 100, POINTS))
    return _curve(plan, numbers, plan.num_queries, [plan.event(int(number)) for number in numbers])


def by_k(plan: Plan) -> CostCurve:
    """Return epsilon against the number of neighbours, from an eighth to eightfold, with the noise as planned."""
    k = plan.tuning.k
    ks = _whole(np.geomspace(k / 8, k * 8, POINTS))
    return _curve(plan, ks, k, [plan.tuned(k=int(value)).event() for value in ks])


def by_sampling_rate(plan: Plan) -> CostCurve:
    """Return epsilon against the sampling rate, from a thirtieth to thirtyfold, with the noise as planned."""
    rate = plan.tuning.sampling_rate
    rates = np.geomspace(rate / 30, min(1.0, rate * 30), POINTS)
    return _curve(plan, rates, rate, [plan.tuned(sampling_rate=float(value)).event() for value in rates])


def densities() -> Float[np.ndarray, "density"]:
    """Return shares of a collection that match a concept, evenly on a logarithmic axis."""
    count = (HIGHEST_DENSITY - LOWEST_DENSITY) * PER_DECADE + 1
    return 10.0 ** (LOWEST_DENSITY + np.arange(count) / PER_DECADE)


def least_epsilons(plan: Plan, records: int) -> Float[np.ndarray, "density"]:
    """Return the least epsilon, at delta 1/records, at which k can be the number of matching records in a sample.

    With the plan's noise and number of queries. k is the expected number of matches in the sample, rounded down, and
    the sampling rate is the best one: found by RDP, epsilon there by the tighter accountant. Infinite where nothing
    matches.
    """
    # To a sixth of a decade, so that collections of all sizes share the same numbers of matches, and their bounds.
    exponents = np.rint(PER_DECADE * np.log10(records * densities())) / PER_DECADE
    matches = [10.0**exponent * (1 + 1e-12) for exponent in exponents.tolist()]
    return np.array([_least_epsilon(plan, expected, 1 / records) for expected in matches])


def feasible_region(plan: Plan, records: int, dim: int) -> NoiseRegion:
    """Return the noise that the plan's budget and queries need, at each sampling rate and k."""
    rates = np.geomspace(max(1e-5, min(1 / records, 0.1)), 1.0, RATES)
    multipliers = [_multiplier(plan.tuned(sampling_rate=float(rate))) for rate in rates]
    fine, ks = np.geomspace(rates[0], 1.0, 240), _whole(np.geomspace(2, 1000, 120))
    noise = np.exp(np.interp(np.log(fine), np.log(rates), np.log(multipliers)))
    sensitivities = np.array([plan.tuned(k=int(k)).sensitivity for k in ks])
    norms = sensitivities[:, None] * noise * np.sqrt(dim)
    return NoiseRegion(fine, ks, np.where(fine * records >= ks[:, None], norms, np.nan))


def _least_epsilon(plan: Plan, expected: float, delta: float) -> float:
    most = int(expected)
    if most < 1:
        return np.inf
    # For each k the best rate is the smallest at which a sample is expected to hold k matches.
    ks = {int(k): k / expected for k in _whole(np.geomspace(1, most, 6))} | {most: 1.0}
    candidates = [plan.tuned(k=k, sampling_rate=min(1.0, rate)).event() for k, rate in ks.items()]
    best = min(candidates, key=lambda event: epsilon_rdp(event, delta)[0])
    return report(best, delta).epsilon


def _multiplier(plan: Plan) -> float:
    noise_std = calibrate(
        lambda value: plan.with_noise_std(value).event(), plan.budget, plan.sensitivity, tolerance=TOLERANCE
    )
    return noise_std / plan.sensitivity


def _curve(plan: Plan, values: np.ndarray, planned: float, events: Iterable[DpEvent]) -> CostCurve:
    costs = [report(event, plan.budget.delta) for event in events]
    pld, rdp = np.array([cost.pld for cost in costs]), np.array([cost.rdp for cost in costs])
    return CostCurve(values.astype(np.float64), pld, rdp, float(planned))


def _whole(values: np.ndarray) -> Int[np.ndarray, "value"]:
    return np.unique(np.maximum(np.rint(values), 1).astype(np.int64))
