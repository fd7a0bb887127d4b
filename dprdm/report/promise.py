"""What a guarantee means for who was in the set: odds, and how often an attack can succeed at most."""

import math
from dataclasses import dataclass

from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.privacy.accountant import epsilon_pld, epsilon_rdp

FALSE_ALARMS = 0.01
# Every pair (epsilon, delta) that holds of an event bounds every attack; which of them bounds it best depends on its rate
# of false alarms. Deltas near that rate do.
DELTAS = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)


@dataclass(frozen=True)
class Promise:
    """What one store's releases promise, all together.

    Args:
        epsilon: at `delta`; infinite where none holds.
        delta: of the claim.
        detected: of 100% members, the share that the best attack finds at most at a rate of false alarms of 1%.
    """

    epsilon: float
    delta: float
    detected: float


def attack_ceiling(epsilon: float, delta: float, event: DpEvent | None, false_alarms: float = FALSE_ALARMS) -> float:
    """The true-positive rate that no test for one unit's membership exceeds, at this rate of false positives.

    TPR <= min(e^eps FPR + delta, 1 - e^-eps (1 - delta - FPR)) for each (eps, delta) that holds of the event; the least
    over the claim itself and `DELTAS`.    (Kairouz, Oh, Viswanath 2015, arXiv 1311.0776; both relations hold of add or remove)

    Args:
        epsilon: of the claim; it may be infinite.
        delta: of the claim.
        event: all that was released, which gives the other pairs; None where only the claim is known.
        false_alarms: in (0, 1).
    """
    check.open_unit(false_alarms=false_alarms)
    pairs = [(epsilon, delta)]
    if event is not None and math.isfinite(epsilon):
        pairs += [(min(epsilon_pld(event, other), epsilon_rdp(event, other)[0]), other) for other in DELTAS]
    return min(_ceiling(found, other, false_alarms) for found, other in pairs)


def _ceiling(epsilon: float, delta: float, false_alarms: float) -> float:
    if epsilon > 700:  # e to that is no float any more
        return 1.0
    return min(1.0, math.exp(epsilon) * false_alarms + delta, 1 - math.exp(-epsilon) * (1 - delta - false_alarms))
