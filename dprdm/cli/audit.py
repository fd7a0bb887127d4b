"""`audit`: attack the private path, and the same path broken on purpose. Reads no data but what it makes."""

import dataclasses
import json as json_format
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dprdm import check
from dprdm.audit.canaries import public_rows
from dprdm.audit.mutants import Catch, catch, mutants_of_one_release
from dprdm.audit.mutants import mutants as all_mutants
from dprdm.audit.run import AuditReport, standard_scenario
from dprdm.audit.run import audit as run_audit
from dprdm.privacy.budget import Budget
from dprdm.registry import known_plugins, plugin_named
from dprdm.release.mechanism import Preparable, PrivacyMechanism, Terms
from dprdm.release.plan import Plan, make_plan
from dprdm.retrieval.retriever import Retriever

VIOLATED = 1


def audit(
    eps: float = 2.0,
    delta: float = 1e-5,
    k: int = 4,
    sampling_rate: float = 0.5,
    trials: int = 4000,
    confidence: float = 0.99,
    mechanism: str = "gaussian",
    retriever: str = "exact",
    mutants: bool = False,
    json: bool = False,
) -> int:
    """Attack the private path and compare what shows with what is claimed; exits with 1 if a claim is refuted.

    Args:
        eps: claimed epsilon of one query.
        delta: claimed delta.
        k: neighbours averaged.
        sampling_rate: chance of each record to be searched.
        trials: releases with the canary, and as many without.
        confidence: chance of a true statement about code that keeps its claim.
        mechanism: by short name. One that learns from public rows learns from some that are made for the audit.
        retriever: by short name; of a private store.
        mutants: attack instead code that is broken on purpose, in a fixed setting for each; exits with 1 if one escapes.
        json: print one JSON object instead.
    """
    check.in_range(0.5, 1 - 1e-12, confidence=confidence)
    searcher = plugin_named("retriever", retriever)
    if mutants:
        return _audit_mutants(searcher, trials, confidence, json)
    with TemporaryDirectory() as folder:
        asked = plugin_named("mechanism", mechanism, k=k, sampling_rate=sampling_rate)
        prepared = _prepared(asked, Budget(eps, delta), Path(folder))
        plan = make_plan(prepared, searcher, Budget(eps, delta), 1)
        report = run_audit(standard_scenario(plan), trials, confidence)
        print(json_format.dumps(_summary(plan, report)) if json else _text(plan, report))
    return VIOLATED if report.is_violation else 0


def _prepared(mechanism: PrivacyMechanism, budget: Budget, folder: Path) -> PrivacyMechanism:
    """With what it leaves open decided on public rows that are made for audits."""
    if not isinstance(mechanism, Preparable):
        return mechanism
    public = public_rows(folder)
    return mechanism.prepare(public, Terms(budget, 1, len(public.rows)))


def _summary(plan: Plan, report: AuditReport) -> dict[str, Any]:
    findings = [dataclasses.asdict(finding) for finding in report.findings]
    costs = plan.epsilons()
    return {
        "claimed_epsilon": costs.epsilon,
        "delta": costs.delta,
        **plan.public_fields(),
        "findings": findings,
        "confidence": report.confidence,
        "trials": report.trials,
        "violated": report.is_violation,
    }


def _text(plan: Plan, report: AuditReport) -> str:
    claim = Budget(plan.epsilons().epsilon, plan.budget.delta)
    lines = [
        f"Claimed of one query: {claim}; {plan.mechanism}, noise_std {plan.noise_std:.5g}.",
        f"Attacked by {report.trials} releases with a canary and {report.trials} without.",
        "",
        f"{'delta':>8}  {'claimed epsilon':>15}  {'epsilon shown to be at least':>28}",
        *(f"{one.delta:8.3g}  {one.claimed:15.4f}  {one.shown:28.4f}" for one in report.findings),
        "",
    ]
    if report.is_violation:
        verdict = f"VIOLATED: at delta {report.worst.delta:g} more shows than is claimed."
    else:
        verdict = "The attack shows no more than is claimed. That is no proof: the proof is the accountant's."
    return "\n".join([*lines, f"{verdict} Confidence {report.confidence:.6g}, for all rows together."])


def _audit_mutants(retriever: Retriever, trials: int, confidence: float, json: bool) -> int:
    caught = []
    if not json:
        print(f"{'broken on purpose':40} {'hazard':>6}  caught by")
    with TemporaryDirectory() as folder:
        once: Any = _prepared(plugin_named("mechanism", "codebook"), Budget(1.0, 1e-5), Path(folder))
        unclipped = dataclasses.replace(once, clip_norm=1e6)
        gaussian = known_plugins("mechanism")["gaussian"]
        for mutant in [*all_mutants(gaussian, retriever), *mutants_of_one_release(once, unclipped, retriever)]:
            caught.append(catch(mutant, trials, confidence))
            if not json:
                print(_row(caught[-1]), flush=True)
    escaped = [one.mutant.name for one in caught if not one.is_caught]
    if json:
        print(json_format.dumps({"mutants": [_mutant_summary(one) for one in caught], "escaped": escaped}))
    else:
        print(f"\n{len(caught) - len(escaped)} of {len(caught)} caught; {trials} trials, confidence {confidence:.6g}.")
    return VIOLATED if escaped else 0


def _row(one: Catch) -> str:
    ways = []
    if one.report is not None:
        worst = one.report.worst
        sign = ">" if worst.is_violation else "<="
        ways.append(f"audit: epsilon {worst.shown:.2f} {sign} {worst.claimed:.2f} claimed at delta {worst.delta:g}")
    if one.refusal is not None:
        ways.append(f"guard: {one.refusal or 'did not refuse'}")
    hazard = str(one.mutant.hazard or "-")
    first, *more = ways if one.is_caught else ["NOT CAUGHT", *ways]
    return "\n".join([f"{one.mutant.name:40} {hazard:>6}  {first}", *(f"{'':49}{way}" for way in more)])


def _mutant_summary(one: Catch) -> dict[str, Any]:
    worst = None if one.report is None else dataclasses.asdict(one.report.worst)
    names = {"name": one.mutant.name, "hazard": one.mutant.hazard or None, "caught": one.is_caught}
    return {**names, "audit": worst, "guard": one.refusal}
