"""Privacy loss distributions of events, rounded up on a grid: the tighter accountant at almost every setting.

Source: arXiv 2207.04380 (connect the dots), by dp_accounting.
"""

import functools
import math
from collections.abc import Mapping

from dp_accounting.dp_event import DpEvent, GaussianDpEvent, LaplaceDpEvent, PoissonSampledDpEvent
from dp_accounting.pld.privacy_loss_distribution import (
    PrivacyLossDistribution,
    from_gaussian_mechanism,
    from_laplace_mechanism,
    identity,
)

from dprdm.privacy.events import count_equal
from dprdm.privacy.renyi import epsilon_rdp, unaccountable

# Where RDP says more than this, nothing is promised that anybody would call private, and PLD would only take long.
PLD_UP_TO_EPSILON = 500.0
# Below this delta, or where rounding may take more than this part of delta, PLD says nothing, and RDP is charged.
PLD_DOWN_TO_DELTA = 1e-12
PLD_ROUNDING_OF_DELTA = 0.1
# The grid of the privacy loss: this part of epsilon, but never so fine that one PLD takes more points than this.
PLD_GRID = 1e-4
PLD_POINTS = 40_000


def epsilon_pld(event: DpEvent, delta: float) -> float:
    """Compute epsilon by privacy loss distributions: an upper bound, whatever the grid, within about 1e-3 of its own size.

    Returns:
        0 for an event that reads nothing; inf for one that is not private, beyond `PLD_UP_TO_EPSILON`, or at a delta that
        is not far above the rounding of the composition (`PLD_DOWN_TO_DELTA`, `_rounding`).
    Guarantee:
        - Not below a closed form at tiny deltas and large counts
          (tests/privacy/test_accountant.py::test_pld_is_no_less_than_a_closed_form_at_tiny_deltas).
    """
    return pld_if_precise(event, delta, with_allowance=True)


def pld_if_precise(event: DpEvent, delta: float, with_allowance: bool) -> float:
    """Compute it at delta less the allowance for rounding, or, for searches, at delta itself."""
    counts = count_equal([event])
    if not counts:
        return 0.0
    rounding = _rounding(counts)
    if delta < PLD_DOWN_TO_DELTA or rounding > PLD_ROUNDING_OF_DELTA * delta:
        return math.inf
    return _epsilon_pld_at(event, delta - rounding if with_allowance else delta)


def _epsilon_pld_at(event: DpEvent, delta: float) -> float:
    rdp, _ = epsilon_rdp(event, delta)
    if rdp > PLD_UP_TO_EPSILON:
        return math.inf
    # RDP's value sets the grid. Where PLD's turns out far smaller, it sets a finer one: every result is a bound.
    counts, epsilon, grid = count_equal([event]), rdp, math.inf
    while (finer := _grid(counts, epsilon)) < grid / 2:
        grid = finer
        epsilon = _epsilon_pld(tuple(counts.items()), delta, grid)
    return epsilon


def _rounding(counts: Mapping[DpEvent, int]) -> float:
    """Return what the Fourier transforms of a composition may round off delta: 2^-53 for each part, five times the largest
    error that was seen. Plain Gaussians compose in closed form."""
    parts = sum(1 if isinstance(base, GaussianDpEvent) else count for base, count in counts.items())
    return parts * 2.0**-53


@functools.lru_cache(maxsize=256)
def _epsilon_pld(counts: tuple[tuple[DpEvent, int], ...], delta: float, grid: float) -> float:
    total = identity(grid)
    for base, count in counts:
        total = total.compose(_loss(base, count, grid))
    return float(total.get_epsilon_for_delta(delta))


def _loss(base: DpEvent, count: int, grid: float) -> PrivacyLossDistribution:
    match base:
        case GaussianDpEvent(noise_multiplier=noise):
            return from_gaussian_mechanism(noise / math.sqrt(count), value_discretization_interval=grid)
        case LaplaceDpEvent() | PoissonSampledDpEvent(event=GaussianDpEvent() | LaplaceDpEvent()):
            return _loss_once(base, grid).self_compose(count)
    raise unaccountable(base)


@functools.lru_cache(maxsize=64)
def _loss_once(base: DpEvent, grid: float) -> PrivacyLossDistribution:
    match base:
        case LaplaceDpEvent(noise_multiplier=scale):
            return from_laplace_mechanism(scale, value_discretization_interval=grid)
        case PoissonSampledDpEvent(sampling_probability=rate, event=LaplaceDpEvent(noise_multiplier=scale)):
            return from_laplace_mechanism(scale, value_discretization_interval=grid, sampling_prob=rate)
        case PoissonSampledDpEvent(sampling_probability=rate, event=GaussianDpEvent(noise_multiplier=noise)):
            return from_gaussian_mechanism(noise, value_discretization_interval=grid, sampling_prob=rate)
    raise unaccountable(base)


def _grid(counts: Mapping[DpEvent, int], epsilon: float) -> float:
    """Return a power of two, so that the distributions of single events are found in the cache again."""
    widest = max(_loss_range(base, count) for base, count in counts.items())
    return 2.0 ** math.floor(math.log2(max(PLD_GRID * epsilon, widest / PLD_POINTS, 1e-9)))


def _loss_range(base: DpEvent, count: int) -> float:
    """Return about how far the privacy loss of one event reaches; plain Gaussians compose into one with more."""
    match base:
        case (
            LaplaceDpEvent(noise_multiplier=scale) | PoissonSampledDpEvent(event=LaplaceDpEvent(noise_multiplier=scale))
        ):
            return float(1 / scale)
        case PoissonSampledDpEvent(event=GaussianDpEvent(noise_multiplier=noise)):
            count = 1
        case GaussianDpEvent(noise_multiplier=noise):
            pass
        case _:
            return 0.0
    scale = noise / math.sqrt(count)
    return float(0.5 / scale**2 + 10 / scale)
