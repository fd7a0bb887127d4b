"""The audit of the audit: hazards switched on one at a time, each of which it must see, or a guard must refuse."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dprdm.audit import guards
from dprdm.audit.broken import (
    DividesByCount,
    IgnoresSample,
    Misstated,
    MisstatedOneRelease,
    PadsWithLast,
    RepeatsNearest,
    TrainedOnPrivate,
    Unchecked,
    seeded_noise,
)
from dprdm.audit.canaries import Pair, worst_case
from dprdm.audit.run import AuditReport, DrawOutcomes, Scenario, audit
from dprdm.guarantee.mechanism import OneReleaseMechanism, PerQueryMechanism, PrivacyMechanism, Tuning
from dprdm.guarantee.plan import Plan
from dprdm.privacy.budget import Budget
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import PrivateStore
from dprdm.types import Outcomes

K = 20
FEW, MANY = 2, 80  # records beside the canary: fewer than k, and enough for any sample
DELTA = 1e-2


@dataclass(frozen=True)
class Mutant:
    """One hazard switched on.

    Args:
        name: what is wrong, in a few words.
        hazard: its number in docs/audit.md; 0 for one that every audit must see.
        scenario: the attack on the broken code. None where only a guard can stand in the way.
        repaired: the same attack on the same code unbroken. None where there is no such thing.
        guard: does it through the real door, and returns the refusal. None where there is no door to refuse at.
    """

    name: str
    hazard: int
    scenario: Scenario | None
    repaired: Scenario | None = None
    guard: Callable[[Path], str] | None = None


@dataclass(frozen=True)
class Catch:
    """What became of a mutant: what the audit showed, and how the guard refused; None where there is none."""

    mutant: Mutant
    report: AuditReport | None
    refusal: str | None

    @property
    def is_caught(self) -> bool:
        """Say whether everything that should catch it did."""
        return (self.report is None or self.report.is_violation) and self.refusal != ""


def catch(mutant: Mutant, trials: int, confidence: float) -> Catch:
    """Attack a mutant, and try its guard."""
    report = None if mutant.scenario is None else audit(mutant.scenario, trials, confidence)
    if mutant.guard is None:
        return Catch(mutant, report, None)
    with tempfile.TemporaryDirectory() as folder:
        return Catch(mutant, report, mutant.guard(Path(folder)))


def mutants(mechanism: PerQueryMechanism, unclipped: PerQueryMechanism, retriever: Retriever) -> list[Mutant]:
    """Return every mutant of a mechanism that answers each query, by hazard, each in the setting that shows it best.

    Args:
        mechanism: a sampled mean, of any k and sampling rate.
        unclipped: the same, with a clipping norm that clips nothing.
        retriever: of a private store.
    """
    whole, sampled = mechanism.tuned(K, 1.0), mechanism.tuned(K, 0.1)
    plain = _scenario(whole, retriever, noise_multiplier=1.0)
    few, many = replace(plain, make_pair=worst_case(FEW)), _scenario(sampled, retriever, 0.4)
    return [
        _misstated("half the noise that was accounted", 0, plain, Misstated(whole, whole, noise_share=0.5)),
        Mutant("noise from a seed, the same in every run", 1, *_seeded(replace(plain, attack=subtract_known_run))),
        Mutant("noise shared by two ranks", 2, *_seeded(_two_ranks(plain))),
        Mutant("private rows read without a ledger", 5, None, None, guards.no_ledger(plain)),
        _unchecked("missing neighbours filled by id -1", 6, few, PadsWithLast(retriever)),
        Mutant("row -1 read from a store", 6, None, None, guards.negative_row),
        _misstated("mean over the rows there are, not over k", 6, few, DividesByCount(whole, K)),
        Mutant("index trained on private rows", 7, _searched_by(plain, TrainedOnPrivate(retriever)), plain),
        _unchecked("sample drawn and not searched", 8, many, IgnoresSample(retriever)),
        Mutant("record stored twice", 9, replace(plain, make_pair=worst_case(MANY, 2)), plain, guards.stored_twice),
        _unclipped(plain, unclipped.tuned(K, 1.0)),
        _unchecked("nearest row returned k times", 27, plain, RepeatsNearest(retriever)),
    ]


def one_release_mutants(
    mechanism: OneReleaseMechanism, unclipped: OneReleaseMechanism, retriever: Retriever
) -> list[Mutant]:
    """Return the same of a mechanism that releases once for all queries.

    Args:
        mechanism: prepared on `canaries.public_rows`.
        unclipped: the same, with a clipping norm that clips nothing.
        retriever: of a private store.
    """
    plain, name = _scenario(mechanism, retriever, noise_multiplier=1.0), mechanism.name
    return [
        _misstated(f"{name}: half the noise", 0, plain, MisstatedOneRelease(mechanism, mechanism, noise_share=0.5)),
        Mutant(f"{name}: noise from a seed", 1, *_seeded(replace(plain, attack=subtract_known_run))),
        _misstated(f"{name}: residuals not clipped", 10, plain, MisstatedOneRelease(mechanism, unclipped)),
    ]


def subtract_known_run(draw: DrawOutcomes, store: PrivateStore, pair: Pair) -> Outcomes:
    """Run the program on what an attacker knows of the store, and subtract: noise that repeats is gone."""
    return draw(store, pair.query) - draw(pair.absent, pair.query)


def subtract_ranks(draw: DrawOutcomes, store: PrivateStore, pair: Pair) -> Outcomes:
    """Ask one rank for the canary, another for its opposite, and subtract: noise that they share is gone."""
    return draw(store, pair.query) - draw(store, -pair.query)


def _scenario(mechanism: PrivacyMechanism, retriever: Retriever, noise_multiplier: float) -> Scenario:
    plan = Plan(mechanism, retriever, Budget(1.0, DELTA), 1, noise_multiplier * mechanism.sensitivity())
    return Scenario(plan, worst_case(round(MANY / (mechanism.tuning or Tuning(1, 1.0)).sampling_rate)))


def _seeded(repaired: Scenario) -> tuple[Scenario, Scenario]:
    return replace(repaired, noise=seeded_noise), repaired


def _two_ranks(scenario: Scenario) -> Scenario:
    return replace(scenario, attack=subtract_ranks, queries_per_trial=2)


def _misstated(name: str, hazard: int, repaired: Scenario, mechanism: PrivacyMechanism) -> Mutant:
    return Mutant(name, hazard, replace(repaired, plan=replace(repaired.plan, mechanism=mechanism)), repaired)


def _searched_by(repaired: Scenario, retriever: Retriever) -> Scenario:
    return replace(repaired, plan=replace(repaired.plan, retriever=retriever))


def _unchecked(name: str, hazard: int, repaired: Scenario, retriever: Retriever) -> Mutant:
    """Return a mutant whose retriever is checked at the door, and attacked behind it."""
    broken, tuning = _searched_by(repaired, retriever), repaired.plan.tuning
    mechanism = Misstated(repaired.plan.mechanism, Unchecked(tuning.k, tuning.sampling_rate))
    attacked = replace(broken, plan=replace(broken.plan, mechanism=mechanism))
    return Mutant(name, hazard, attacked, repaired, guards.paid_release(broken))


def _unclipped(plain: Scenario, unclipped: PerQueryMechanism) -> Mutant:
    """Return the mutant of a row of length 10, which the real mechanism clips."""
    repaired = replace(plain, make_pair=worst_case(MANY, length=10.0))
    mutant = _misstated("long row, not clipped", 10, repaired, Misstated(plain.plan.mechanism, unclipped))
    return replace(mutant, guard=guards.long_row)
