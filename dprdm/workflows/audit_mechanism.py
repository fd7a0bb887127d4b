"""Attack the private path of a mechanism, and the same path broken on purpose. Reads no data but what it makes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dprdm import check
from dprdm.audit.canaries import public_rows
from dprdm.audit.mutants import Catch, mutants, one_release_mutants
from dprdm.audit.mutants import catch as attack
from dprdm.audit.run import AuditReport, audit, standard_scenario
from dprdm.guarantee.mechanism import Preparable, PrivacyMechanism, Terms
from dprdm.guarantee.plan import Plan, make_plan
from dprdm.privacy.budget import Budget
from dprdm.registry import create
from dprdm.retrieval.retriever import Retriever


@dataclass(frozen=True)
class AuditedPlan:
    """The plan for one query that was attacked, and what the attack showed."""

    plan: Plan
    report: AuditReport

    def to_json(self) -> dict[str, Any]:
        """Return claim, settings and findings as plain values."""
        costs = self.plan.epsilons()
        return {
            "claimed_epsilon": costs.epsilon,
            "delta": costs.delta,
            **self.plan.public_fields(),
            "findings": [asdict(finding) for finding in self.report.findings],
            "confidence": self.report.confidence,
            "trials": self.report.trials,
            "violated": self.report.is_violation,
        }


def audit_mechanism(
    mechanism: PrivacyMechanism, retriever: Retriever, budget: Budget, trials: int = 4000, confidence: float = 0.99
) -> AuditedPlan:
    """Attack one query of a mechanism with the worst-case canary, and compare what shows with what is claimed.

    Args:
        mechanism: one that learns from public rows learns from some that are made for the audit.
        retriever: of a private store.
        budget: the claim.
        trials: releases with the canary, and as many without.
        confidence: chance of a true statement about code that keeps its claim.
    Raises:
        UserError: if the mechanism claims nothing, or there are too few trials.
    """
    _check_confidence(confidence)
    with TemporaryDirectory() as folder:
        plan = make_plan(_prepare(mechanism, budget, Path(folder)), retriever, budget, 1)
        return AuditedPlan(plan, audit(standard_scenario(plan), trials, confidence))


def audit_mutants(retriever: Retriever, trials: int = 4000, confidence: float = 0.99) -> Iterator[Catch]:
    """Attack code that is broken on purpose, each piece in the setting that shows it best; yield what became of it.

    Args:
        retriever: of a private store.
        trials: releases with the canary, and as many without.
        confidence: of all that one audit says.
    """
    _check_confidence(confidence)
    with TemporaryDirectory() as folder:
        codebook: Any = _prepare(create("mechanism", "codebook"), Budget(1.0, 1e-5), Path(folder))
        gaussian = create("mechanism", "gaussian")
        pairs = [(mechanism, replace(mechanism, clip_norm=1e6)) for mechanism in (gaussian, codebook)]
        for mutant in [*mutants(*pairs[0], retriever), *one_release_mutants(*pairs[1], retriever)]:
            yield attack(mutant, trials, confidence)


def catch_to_json(catch: Catch) -> dict[str, Any]:
    """Return what became of a mutant as plain values."""
    return {
        "name": catch.mutant.name,
        "hazard": catch.mutant.hazard or None,
        "caught": catch.is_caught,
        "audit": None if catch.report is None else asdict(catch.report.worst),
        "guard": catch.refusal,
    }


def _prepare(mechanism: PrivacyMechanism, budget: Budget, folder: Path) -> PrivacyMechanism:
    """Have the mechanism decide what it leaves open on public rows that are made for audits."""
    if not isinstance(mechanism, Preparable):
        return mechanism
    public = public_rows(folder)
    return mechanism.prepare(public, Terms(budget, 1, len(public.rows)))


def _check_confidence(confidence: float) -> None:
    check.in_range(0.5, 1 - 1e-12, confidence=confidence)
