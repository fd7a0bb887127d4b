"""Renyi differential privacy of events: the accountant of the paper. It gives upper bounds.

Of Poisson-sampled Laplace noise dp_accounting knows no Renyi divergence: there it is what pure privacy implies.

Source: arXiv 1908.10530 (of the sampled Gaussian), by dp_accounting; arXiv 1605.02065, proposition 3.3 (of pure privacy).
"""

import functools
import logging
import math

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
        (0, 0) for an event that reads nothing; (inf, 0) for one that is not private.
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


@functools.lru_cache(maxsize=4096)
def _rdp_once(base: DpEvent) -> Float[np.ndarray, "order"]:
    match base:
        case (
            NonPrivateDpEvent()
            | GaussianDpEvent(noise_multiplier=0.0)
            | LaplaceDpEvent(noise_multiplier=0.0)
            | PoissonSampledDpEvent(event=LaplaceDpEvent(noise_multiplier=0.0))
        ):
            return np.full(len(RDP_ORDERS), np.inf)
        case PoissonSampledDpEvent(sampling_probability=rate, event=LaplaceDpEvent(noise_multiplier=scale)):
            return _sampled_laplace(1 / scale, rate)
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


def _sampled_laplace(loss: float, rate: float) -> Float[np.ndarray, "order"]:
    """Bound the divergences by those of anything with this pure epsilon: by e, and by order * e^2 / 2.

    e = log(1 + rate * (exp(loss) - 1)), where `loss` is the pure epsilon without sampling. It is far from tight.
    """
    pure = math.log1p(rate * math.expm1(loss)) if loss < 700 else loss  # e to more than that is no float
    return np.minimum(pure, np.array(RDP_ORDERS) * pure**2 / 2) + RDP_ROUNDING


def unaccountable(base: DpEvent) -> UserError:
    """Return the error for an event that no accountant here knows."""
    return UserError(f"Expected an event that can be accounted, got {base}.")
