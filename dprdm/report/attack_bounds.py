"""What a guarantee means for who was in the set: odds, and how often an attack can succeed at most."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.privacy import events
from dprdm.privacy.accountant import epsilon_pld, epsilon_rdp, report

FALSE_ALARMS = 0.01
# Every pair (epsilon, delta) that holds of an event bounds every attack; which of them bounds it best depends on its rate
# of false alarms: deltas near that rate where privacy is strong, far larger ones where it is weak.
DELTAS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.2, 0.35, 0.5, 0.7)


@dataclass(frozen=True)
class Promise:
    """What releases promise, all together.

    Args:
        epsilon: at `delta`; infinite where none holds.
        delta: of the claim.
        event: all that was released; None where only the claim is known.
    """

    epsilon: float
    delta: float
    event: DpEvent | None

    @functools.cached_property
    def detected(self) -> float:
        """Of the members, the share that the best attack finds at most, at a rate of false alarms of 1%."""
        return attack_ceiling(self.epsilon, self.delta, self.event)


def joint_promise(promises: Sequence[Promise]) -> Promise:
    """What holds of a record that is in every one of these stores: their events composed, or, where one is not known, the
    sums of epsilons and deltas."""
    known = [promise.event for promise in promises if promise.event is not None]
    if len(promises) == 1:
        return promises[0]
    if len(known) < len(promises):
        return Promise(sum(promise.epsilon for promise in promises), sum(promise.delta for promise in promises), None)
    event, delta = events.compose(known), max(promise.delta for promise in promises)
    return Promise(report(event, delta).epsilon, delta, event)


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
