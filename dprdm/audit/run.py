"""An audit: attack the real release with the best canary there is, and compare what it shows with what is claimed."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from dprdm import check
from dprdm.audit.bounds import lower_bound, project
from dprdm.audit.canaries import MakePair, Pair, worst_case
from dprdm.audit.throwaway import NO_CAP
from dprdm.errors import UserError
from dprdm.guarantee.mechanism import OneReleaseMechanism, Tuning
from dprdm.guarantee.plan import Plan
from dprdm.guarantee.release import release
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger, create_ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.store import PrivateStore
from dprdm.types import Outcomes, Query

# A guarantee holds at every delta. At these an attack of a few thousand trials sees most.
DELTAS = (1e-3, 1e-2, 1e-1)

# Releases `trials` answers to a query from a store.
DrawOutcomes: TypeAlias = Callable[[PrivateStore, Query], Outcomes]
# Turns releases of a store into one outcome a trial.
Attack: TypeAlias = Callable[[DrawOutcomes, PrivateStore, Pair], Outcomes]


def look(draw: DrawOutcomes, store: PrivateStore, pair: Pair) -> Outcomes:
    """Ask for the canary."""
    return draw(store, pair.query)


@dataclass(frozen=True)
class Scenario:
    """What is attacked, and how.

    Args:
        plan: mechanism, noise and retriever; its claim is what the audit is held against.
        make_pair: writes the two stores.
        attack: makes outcomes from releases.
        queries_per_trial: released answers of the attacked store in one outcome; the claim is for so many.
        noise: draws, anew for each release.
    """

    plan: Plan
    make_pair: MakePair
    attack: Attack = look
    queries_per_trial: int = 1
    noise: Callable[[], SecureNoise] = SecureNoise


@dataclass(frozen=True)
class AuditFinding:
    """At `delta` the claim is `claimed`; the attack shows that epsilon is at least `shown`."""

    delta: float
    claimed: float
    shown: float

    @property
    def is_violation(self) -> bool:
        """Say whether the claim is refuted."""
        return self.shown > self.claimed


@dataclass(frozen=True)
class AuditReport:
    """The findings of an audit, which hold together with `confidence`, from `trials` releases with the canary and as many
    without."""

    findings: tuple[AuditFinding, ...]
    confidence: float
    trials: int

    @property
    def worst(self) -> AuditFinding:
        """Return the finding that comes nearest to refuting its claim, or refutes it most."""
        return max(self.findings, key=lambda finding: finding.shown - finding.claimed)

    @property
    def is_violation(self) -> bool:
        """Say whether any claim is refuted."""
        return any(finding.is_violation for finding in self.findings)


def audit(scenario: Scenario, trials: int, confidence: float) -> AuditReport:
    """Release from both stores of a pair through `retrieval.release`, charged to real ledgers, and compare.

    Args:
        trials: releases of each of the two stores: a quarter chooses the test, the rest counts.
        confidence: of all findings together.
    Raises:
        UserError: if there is nothing to audit: a mechanism that claims nothing.
    Guarantee:
        - Code that keeps its claim is accused with chance 1 - confidence at most
          (tests/audit/test_audit.py::test_the_real_code_keeps_its_claim).
    """
    _check_auditable(scenario.plan, trials)
    with tempfile.TemporaryDirectory() as folder:
        pair = scenario.make_pair(Path(folder))
        outcomes = [scenario.attack(_drawing(scenario, trials), store, pair) for store in (pair.present, pair.absent)]
    present, absent = project(*outcomes)
    claims = _claims(scenario)
    each = 1 - (1 - confidence) / len(claims)
    findings = (AuditFinding(at, claim, lower_bound(present, absent, at, each)) for at, claim in claims.items())
    return AuditReport(tuple(findings), confidence, trials)


def standard_scenario(plan: Plan) -> Scenario:
    """Return the worst case for this plan: so many records beside the canary that k of them are sampled, but once in 10^9."""
    tuning = plan.mechanism.tuning or Tuning(1, 1.0)
    expected = tuning.k + 40 + 10 * math.sqrt(tuning.k)
    return Scenario(plan, worst_case(math.ceil(expected / tuning.sampling_rate)))


def _check_auditable(plan: Plan, trials: int) -> None:
    check.at_least(100, trials=trials)
    if not plan.is_private:
        raise UserError(f"The mechanism {plan.mechanism.name} claims no privacy: there is nothing to audit.")


def _claims(scenario: Scenario) -> dict[float, float]:
    """Return epsilon at each delta, by the accountant that charges, of as many queries as make one outcome."""
    plan, count = scenario.plan, scenario.queries_per_trial
    deltas = sorted({plan.budget.delta, *DELTAS})
    return {delta: _at(plan, delta).epsilons(count).epsilon for delta in deltas}


def _at(plan: Plan, delta: float) -> Plan:
    return replace(plan, budget=Budget(plan.budget.epsilon, delta))


def _drawing(scenario: Scenario, trials: int) -> DrawOutcomes:
    plan, mechanism = scenario.plan, scenario.plan.mechanism

    def draw(store: PrivateStore, query: Query) -> Outcomes:
        ledger = _ledger(store, plan.budget.delta)
        if not isinstance(mechanism, OneReleaseMechanism):
            queries = query[None].repeat(trials, axis=0)
            return release(queries, store, plan, ledger, scenario.noise())[0]
        # One release is paid for and drawn as ever; a trial of it is all that it gave out. The others are drawn alike,
        # unpaid: it is the auditor's own store.
        draws = [release(query[None], store, plan, ledger, scenario.noise())[0]]
        while len(draws) < trials:
            draws.append(mechanism.release(store, plan.noise_std, scenario.noise()).array)
        return np.stack([draw.reshape(-1) for draw in draws])

    return draw


def _ledger(store: PrivateStore, delta: float) -> Ledger:
    if store.ledger_path.exists():
        return Ledger(store.ledger_path, store.fingerprint)
    return create_ledger(store.ledger_path, store.fingerprint, Budget(NO_CAP, delta))
