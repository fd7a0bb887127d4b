"""A third accountant beside the two that charge: Opacus' PRV, for the record. It brings torch, so `plan` does without it."""

import math
import warnings

from dp_accounting.dp_event import DpEvent, GaussianDpEvent, PoissonSampledDpEvent

from dprdm.privacy.events import count_equal

# PRV gives an upper bound at most this far above the truth, twice.
EPSILON_ERROR = 0.05


def epsilon_prv(event: DpEvent, delta: float) -> float | None:
    """Compute Opacus' upper bound of epsilon; None where it does not run: nothing noised, other events, or its grid overflows.

    Source: Gopi, Lee, Wutschitz 2021 (arXiv 2106.02848); Opacus.
    """
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    for part, count in count_equal([event]).items():
        match part:
            case PoissonSampledDpEvent(sampling_probability=rate, event=GaussianDpEvent(noise_multiplier=multiplier)):
                accountant.history.append((multiplier, rate, count))
            case GaussianDpEvent(noise_multiplier=multiplier):
                accountant.history.append((multiplier, 1.0, count))
            case _:
                return None
    if not accountant.history:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            epsilon = float(accountant.get_epsilon(delta=delta, eps_error=EPSILON_ERROR))
    except (RuntimeError, ValueError, MemoryError):
        return None
    return epsilon if math.isfinite(epsilon) else None
