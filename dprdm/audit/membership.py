"""From what an attack has seen to the numbers that are reported: two attacks, their ROC, and what privacy allows at most."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from dprdm.audit.likelihood import Members, Statistics, likelihood_ratios
from dprdm.audit.roc import Interval, Roc, area_interval, ceiling, rate_at, roc
from dprdm.audit.shadows import Seen
from dprdm.guarantee.plan import Plan
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import AUC, TPR_ALLOWED_AT_1_FPR, TPR_AT_1_FPR, TPR_AT_10_FPR, Quantity
from dprdm.runs.results import Measurement

NEAREST, RATIO = "nearest answer", "likelihood ratio"
# False positive rates.
RATES = {TPR_AT_1_FPR: 0.01, TPR_AT_10_FPR: 0.1}
QUANTITIES = (*RATES, AUC, TPR_ALLOWED_AT_1_FPR)


@dataclass(frozen=True, eq=False)
class Attacked:
    """One attack on one mechanism: a score for each trial and candidate, larger for "was in".

    Args:
        attack: its name.
        scores: one a trial and candidate.
        is_member: whether the candidate was in the trial's store.
    """

    attack: str
    scores: Statistics
    is_member: Members

    def curve(self) -> Roc:
        """Return the ROC curve over all trials and candidates."""
        return roc(self.scores.ravel(), self.is_member.ravel())

    def rate(self, false_positive: float) -> Interval:
        """Return the true positive rate at a false positive rate of at most this."""
        return rate_at(self.scores.ravel(), self._flat, false_positive)

    def area(self, generator: np.random.Generator) -> Interval:  # noqa: TID251 - of a bootstrap
        """Return the area under the curve."""
        return area_interval(self.scores, self.is_member, generator)

    @property
    def _flat(self) -> Bool[np.ndarray, "n"]:
        return self.is_member.ravel()


def both_attacks(seen: Seen, is_member: Members) -> tuple[Attacked, Attacked]:
    """Attack by the nearest answer, and by the likelihood ratio of how far the answers moved."""
    return (
        Attacked(NEAREST, seen.nearest, is_member),
        Attacked(RATIO, likelihood_ratios(seen.shift, is_member), is_member),
    )


def measurements(
    attacked: Attacked,
    plan: Plan,
    provenance: Provenance,
    generator: np.random.Generator,  # noqa: TID251 - of a bootstrap
) -> Iterator[Measurement]:
    """Yield rates at low false positive rates, the area, and, of a private mechanism, the rate that its guarantee allows."""
    others = int((~attacked.is_member).sum())
    for quantity, false_positive in RATES.items():
        if false_positive * others >= 1:
            yield _measurement(quantity, attacked.rate(false_positive), provenance)
    yield _measurement(AUC, attacked.area(generator), provenance)
    if plan.is_private:
        costs = plan.epsilons()
        allowed = ceiling(RATES[TPR_AT_1_FPR], costs.epsilon, costs.delta)
        yield Measurement(TPR_ALLOWED_AT_1_FPR.name, allowed, provenance)


def _measurement(quantity: Quantity, interval: Interval, provenance: Provenance) -> Measurement:
    return Measurement(quantity.name, interval.value, provenance, interval.low, interval.high)
