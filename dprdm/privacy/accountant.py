"""From events to epsilon, by two accountants. Both give upper bounds, so the smaller one holds; both are reported.

RDP is the accountant of the paper (Renyi orders 1.1 to 10.9 by 0.1, and 11 to 63); PLD composes privacy loss
distributions, rounded up on a grid, and is the tighter of the two at almost every setting. The relation is add or
remove one unit. Of Poisson-sampled Laplace noise dp_accounting knows no Renyi divergence: there RDP says infinity, and
PLD is charged.

Source: arXiv 1908.10530 (RDP of the sampled Gaussian), arXiv 2207.04380 (PLD, connect the dots), by dp_accounting.
"""

import functools
import importlib.metadata
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from dp_accounting.dp_event import (
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    PoissonSampledDpEvent,
)
from dp_accounting.pld.privacy_loss_distribution import (
    PrivacyLossDistribution,
    from_gaussian_mechanism,
    from_laplace_mechanism,
    identity,
)
from dp_accounting.rdp.rdp_privacy_accountant import RdpAccountant, compute_epsilon
from jaxtyping import Float

from dprdm import check
from dprdm.errors import UserError
from dprdm.privacy.budget import Budget
from dprdm.privacy.events import base_events, count_equal

RDP_ORDERS: tuple[float, ...] = (*(1 + tenth / 10 for tenth in range(1, 100)), *range(11, 64))
# Where RDP says more than this, nothing is promised that anybody would call private, and PLD would only take long.
PLD_UP_TO_EPSILON = 500.0
# Below this delta, or where rounding may take more than this part of delta, PLD says nothing, and RDP is charged.
PLD_DOWN_TO_DELTA = 1e-12
PLD_ROUNDING_OF_DELTA = 0.1
# Added to every Renyi divergence: far above the rounding of its series, far below anything that counts.
RDP_ROUNDING = 1e-12
# The grid of the privacy loss: this part of epsilon, but never so fine that one PLD takes more points than this.
PLD_GRID = 1e-4
PLD_POINTS = 40_000


@dataclass(frozen=True)
class EpsilonReport:
    """Epsilon of one event at one delta by every accountant.

    `rdp_order` is the Renyi order at which RDP's bound is smallest; `pld` is infinite where it was not computed.
    """

    delta: float
    pld: float
    rdp: float
    rdp_order: float

    @property
    def epsilon(self) -> float:
        """Return the smaller of two upper bounds: the one that is charged."""
        return min(self.pld, self.rdp)

    @property
    def accountant(self) -> str:
        """Name the tighter accountant: pld or rdp."""
        return "pld" if self.pld <= self.rdp else "rdp"

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers, infinity as None, with the library that computed them."""
        numbers = {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}
        return {**numbers, "charged": self.accountant, "library": library_version()}


def report(event: DpEvent, delta: float) -> EpsilonReport:
    """Compute epsilon of `event` at `delta` by every accountant."""
    rdp, order = epsilon_rdp(event, delta)
    return EpsilonReport(delta=delta, pld=epsilon_pld(event, delta), rdp=rdp, rdp_order=order)


def fits(event: DpEvent, budget: Budget) -> bool:
    """Say whether `event` costs no more than `budget`. RDP answers alone where its bound suffices; PLD only beyond."""
    if epsilon_rdp(event, budget.delta)[0] <= budget.epsilon:
        return True
    return epsilon_pld(event, budget.delta) <= budget.epsilon


def epsilon_rdp(event: DpEvent, delta: float) -> tuple[float, float]:
    """Compute epsilon by Renyi differential privacy, and the order at which the bound is smallest.

    Returns:
        (0, 0) for an event that reads nothing; (inf, 0) for one that is not private, or that RDP does not know.
    """
    check.open_unit(delta=delta)
    totals = np.zeros(len(RDP_ORDERS))
    for base, count in base_events(event):
        totals = totals + count * _rdp_once(base)
    if not np.any(totals):
        return 0.0, 0.0
    if np.all(np.isinf(totals)):
        return math.inf, 0.0
    epsilon, order = compute_epsilon(RDP_ORDERS, totals, delta)
    return float(epsilon), float(order)


def epsilon_pld(event: DpEvent, delta: float) -> float:
    """Compute epsilon by privacy loss distributions: an upper bound, whatever the grid, within about 1e-3 of its own size.

    Returns:
        0 for an event that reads nothing; inf for one that is not private, beyond `PLD_UP_TO_EPSILON`, or at a delta that
        is not far above the rounding of the composition (`PLD_DOWN_TO_DELTA`, `_rounding`).
    Guarantee:
        - Not below a closed form at tiny deltas and large counts
          (tests/privacy/test_accountant.py::test_pld_is_no_less_than_a_closed_form_at_tiny_deltas).
    """
    return _pld_if_precise(event, delta, with_allowance=True)


def epsilon_without_allowance(event: DpEvent, delta: float) -> float:
    """Compute the smaller of both bounds without the allowance for rounding: for searches that check what comes out.

    Plans are the same to the last bit as before there was an allowance, and so are the names of their stored releases.
    """
    return min(epsilon_rdp(event, delta)[0], _pld_if_precise(event, delta, with_allowance=False))


def _pld_if_precise(event: DpEvent, delta: float, with_allowance: bool) -> float:
    counts = count_equal([event])
    if not counts:
        return 0.0
    rounding = _rounding(counts)
    if delta < PLD_DOWN_TO_DELTA or rounding > PLD_ROUNDING_OF_DELTA * delta:
        return math.inf
    return _epsilon_pld_at(counts, delta - rounding if with_allowance else delta)


def _epsilon_pld_at(counts: Mapping[DpEvent, int], delta: float) -> float:
    divergences = sum(count * _rdp_at_most(base) for base, count in counts.items())
    at_most = float(compute_epsilon(RDP_ORDERS, divergences, delta)[0]) if np.isfinite(divergences).any() else math.inf
    if at_most > PLD_UP_TO_EPSILON:
        return math.inf
    # A first bound sets the grid. Where PLD's turns out far smaller, it sets a finer one: every result is a bound.
    epsilon, grid = at_most, math.inf
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
    raise _unaccountable(base)


@functools.lru_cache(maxsize=64)
def _loss_once(base: DpEvent, grid: float) -> PrivacyLossDistribution:
    match base:
        case LaplaceDpEvent(noise_multiplier=scale):
            return from_laplace_mechanism(scale, value_discretization_interval=grid)
        case PoissonSampledDpEvent(sampling_probability=rate, event=LaplaceDpEvent(noise_multiplier=scale)):
            return from_laplace_mechanism(scale, value_discretization_interval=grid, sampling_prob=rate)
        case PoissonSampledDpEvent(sampling_probability=rate, event=GaussianDpEvent(noise_multiplier=noise)):
            return from_gaussian_mechanism(noise, value_discretization_interval=grid, sampling_prob=rate)
    raise _unaccountable(base)


def _rdp_at_most(base: DpEvent) -> Float[np.ndarray, "order"]:
    """Return an upper bound of the Renyi divergences, of events that RDP does not know as well.

    Of sampled Laplace noise: it is e-private without delta, so its divergences are at most e and order * e^2 / 2.

    Source: arXiv 1605.02065, proposition 3.3.
    """
    match base:
        case PoissonSampledDpEvent(sampling_probability=rate, event=LaplaceDpEvent(noise_multiplier=scale)) if (
            scale > 0
        ):
            pure = math.log1p(rate * math.expm1(min(1 / scale, 700.0)))
            return np.minimum(pure, np.array(RDP_ORDERS) * pure**2 / 2) + RDP_ROUNDING
    return _rdp_once(base)


@functools.lru_cache(maxsize=4096)
def _rdp_once(base: DpEvent) -> Float[np.ndarray, "order"]:
    match base:
        case NonPrivateDpEvent() | PoissonSampledDpEvent(event=LaplaceDpEvent()):
            return np.full(len(RDP_ORDERS), np.inf)
        case GaussianDpEvent(noise_multiplier=0.0) | LaplaceDpEvent(noise_multiplier=0.0):
            return np.full(len(RDP_ORDERS), np.inf)
    accountant = RdpAccountant(RDP_ORDERS)
    if not accountant.supports(base):
        raise _unaccountable(base)
    # An order whose series did not converge is reported as infinite: it is left out, and the bound still holds. So the
    # library's warning of it says nothing.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        accountant.compose(base)
    finally:
        logger.setLevel(level)
    return np.maximum(np.asarray(accountant.rdp, dtype=np.float64), 0) + RDP_ROUNDING


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
            return 1 / scale
        case PoissonSampledDpEvent(event=GaussianDpEvent(noise_multiplier=noise)):
            count = 1
        case GaussianDpEvent(noise_multiplier=noise):
            pass
        case _:
            return 0.0
    scale = noise / math.sqrt(count)
    return 0.5 / scale**2 + 10 / scale


def _unaccountable(base: DpEvent) -> UserError:
    return UserError(f"Expected an event that can be accounted, got {base}.")


@functools.cache
def library_version() -> str:
    """Name the library that computes both bounds, with its version."""
    return f"dp-accounting {importlib.metadata.version('dp-accounting')}"
