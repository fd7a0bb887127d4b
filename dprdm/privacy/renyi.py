"""Renyi differential privacy of events: the accountant of the paper. It gives upper bounds.

Of Poisson-sampled Laplace noise dp_accounting knows no Renyi divergence: there it says infinity.

Source: arXiv 1908.10530 (of the sampled Gaussian), by dp_accounting.
"""

import functools
import logging
import math
from collections.abc import Mapping

import numpy as np
from dp_accounting.dp_event import (
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    PoissonSampledDpEvent,
)
from dp_accounting.rdp.rdp_privacy_accountant import RdpAccountant, compute_epsilon
from jaxtyping import Float

from dprdm import check
from dprdm.errors import UserError
from dprdm.privacy.events import base_events

RDP_ORDERS: tuple[float, ...] = (*(1 + tenth / 10 for tenth in range(1, 100)), *range(11, 64))
# Added to every Renyi divergence: far above the rounding of its series, far below anything that counts.
RDP_ROUNDING = 1e-12


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


def epsilon_at_most(counts: Mapping[DpEvent, int], delta: float) -> float:
    """Return an upper bound of epsilon by Renyi divergences, of events that RDP does not know as well."""
    totals = sum(count * _rdp_at_most(base) for base, count in counts.items())
    return float(compute_epsilon(RDP_ORDERS, totals, delta)[0]) if np.isfinite(totals).any() else math.inf


def _rdp_at_most(base: DpEvent) -> Float[np.ndarray, "order"]:
    """Of sampled Laplace noise: it is e-private without delta, so its divergences are at most e and order * e^2 / 2.

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
        raise unaccountable(base)
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


def unaccountable(base: DpEvent) -> UserError:
    """Return the error for an event that no accountant here knows."""
    return UserError(f"Expected an event that can be accounted, got {base}.")
