"""The most that any attack on releases can achieve: a ceiling on its true-positive rate, and joint promises."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.audit.roc import ceiling
from dprdm.privacy import events
from dprdm.privacy.accountant import report
from dprdm.privacy.loss import epsilon_pld
from dprdm.privacy.renyi import epsilon_rdp

FALSE_POSITIVE = 0.01
# Every pair (epsilon, delta) that holds of an event bounds every attack. Which one is best depends on the false-positive rate:
# deltas near that rate where privacy is strong, far larger ones where it is weak.
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
        """Share of the members that the best attack finds at most, at a false-positive rate of 1%."""
        return attack_ceiling(self.epsilon, self.delta, self.event)


def joint_promise(promises: Sequence[Promise]) -> Promise:
    """Return what holds of a record that is in every one of these stores.

    Their events composed, or, where one is not known, the sums of epsilons and deltas.
    """
    if len(promises) == 1:
        return promises[0]
    certain = [promise.event for promise in promises if promise.event is not None]
    if len(certain) < len(promises):
        return Promise(sum(promise.epsilon for promise in promises), sum(promise.delta for promise in promises), None)
    event, delta = events.compose(certain), max(promise.delta for promise in promises)
    return Promise(report(event, delta).epsilon, delta, event)


def attack_ceiling(
    epsilon: float, delta: float, event: DpEvent | None, false_positive: float = FALSE_POSITIVE
) -> float:
    """Return the true-positive rate that no test for one unit's membership exceeds, at this false-positive rate.

    The least of `audit.roc.ceiling` over the claim itself and over pairs (epsilon, delta) that hold of the event at `DELTAS`.

    Args:
        epsilon: of the claim; it may be infinite.
        delta: of the claim.
        event: all that was released, which gives the other pairs; None where only the claim is known.
        false_positive: in (0, 1).
    """
    check.open_unit(false_positive=false_positive)
    pairs = [(epsilon, delta)]
    if event is not None and math.isfinite(epsilon):
        pairs += [(min(epsilon_pld(event, other), epsilon_rdp(event, other)[0]), other) for other in DELTAS]
    return min(ceiling(false_positive, *pair) for pair in pairs)
