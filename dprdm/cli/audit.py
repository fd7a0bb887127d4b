"""`audit`: attack the private path, and the same path broken on purpose. Reads no data but what it makes."""

import json as json_format
from collections.abc import Iterable

from dprdm.audit.mutants import Catch
from dprdm.cli.screen import audit_text, catch_text
from dprdm.privacy.budget import Budget
from dprdm.registry import create, plugin_named
from dprdm.types import MechanismName, RetrieverName
from dprdm.workflows.audit_mechanism import audit_mechanism, audit_mutants, catch_to_json

VIOLATED = 1


def audit(
    eps: float = 2.0,
    delta: float = 1e-5,
    k: int = 4,
    sampling_rate: float = 0.5,
    trials: int = 4000,
    confidence: float = 0.99,
    mechanism: MechanismName = "gaussian",
    retriever: RetrieverName = "exact",
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
    searcher = create("retriever", retriever)
    if mutants:
        return _print_mutants(audit_mutants(searcher, trials, confidence), trials, confidence, json)
    attacked = plugin_named("mechanism", mechanism, k=k, sampling_rate=sampling_rate)
    audited = audit_mechanism(attacked, searcher, Budget(eps, delta), trials, confidence)
    print(json_format.dumps(audited.to_json()) if json else audit_text(audited))
    return VIOLATED if audited.report.is_violation else 0


def _print_mutants(catches: Iterable[Catch], trials: int, confidence: float, json: bool) -> int:
    """Print each mutant when it was attacked, or all as one JSON object; return the exit code."""
    every: list[Catch] = []
    if not json:
        print(f"{'broken on purpose':40} {'hazard':>6}  caught by")
    for catch in catches:
        every.append(catch)
        if not json:
            print(catch_text(catch), flush=True)
    escaped = [catch.mutant.name for catch in every if not catch.is_caught]
    if json:
        print(json_format.dumps({"mutants": [catch_to_json(catch) for catch in every], "escaped": escaped}))
    else:
        print(f"\n{len(every) - len(escaped)} of {len(every)} caught; {trials} trials, confidence {confidence:.6g}.")
    return VIOLATED if escaped else 0
