"""The audit of the audit: hazards switched on one at a time, each of which it must see, or a guard must refuse."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dprdm.audit import guards
from dprdm.audit.broken import (
    DividesByFound,
    IgnoresSample,
    MakeMechanism,
    Misstated,
    MisstatedOnce,
    PadsWithLast,
    TrainedOnPrivate,
    as_mechanism,
    as_retriever,
    seeded_noise,
)
from dprdm.audit.canaries import Pair, worst_case
from dprdm.audit.run import AuditReport, Releasing, Scenario, audit
from dprdm.guarantee.mechanism import OneReleaseMechanism, PrivacyMechanism, Tuning
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
        """By everything that should catch it."""
        return (self.report is None or self.report.is_violation) and self.refusal != ""


def catch(mutant: Mutant, trials: int, confidence: float) -> Catch:
    """Attack a mutant, and try its guard."""
    report = None if mutant.scenario is None else audit(mutant.scenario, trials, confidence)
    if mutant.guard is None:
        return Catch(mutant, report, None)
    with tempfile.TemporaryDirectory() as folder:
        return Catch(mutant, report, mutant.guard(Path(folder)))


def mutants(make_mechanism: MakeMechanism, retriever: Retriever) -> list[Mutant]:
    """All of them, by hazard, each on the setting that shows it best.

    Args:
        make_mechanism: of fields k, sampling_rate and clip_norm.
        retriever: of a private store.
    """
    whole = make_mechanism(k=K, sampling_rate=1.0)
    sampled = make_mechanism(k=K, sampling_rate=0.1)
    plain = _scenario(whole, retriever, noise_multiplier=1.0)
    few = replace(plain, make_pair=worst_case(FEW))
    return [
        _noise_mutant("half the noise that was accounted", 0, plain, Misstated(whole, whole, noise_share=0.5)),
        Mutant("noise from a seed, the same in every run", 1, *_seeded(replace(plain, attack=subtract_own_run))),
        Mutant("noise shared by two ranks", 2, *_seeded(_two_ranks(plain))),
        Mutant("private rows read without a ledger", 5, None, None, guards.no_ledger(plain)),
        Mutant("missing neighbours filled by id -1", 6, *_with(few, PadsWithLast), guards.row_minus_one),
        _noise_mutant("mean over the rows found, not over k", 6, few, DividesByFound(whole, k=K)),
        Mutant("index trained on private rows", 7, *_with(plain, TrainedOnPrivate)),
        Mutant("sample drawn and not searched", 8, *_with(_scenario(sampled, retriever, 0.4), IgnoresSample)),
        Mutant("record stored twice", 9, replace(plain, make_pair=worst_case(MANY, 2)), plain, guards.stored_twice),
        _unclipped(plain, make_mechanism(k=K, sampling_rate=1.0, clip_norm=1e6)),
    ]


def mutants_of_one_release(
    mechanism: OneReleaseMechanism, unclipped: OneReleaseMechanism, retriever: Retriever
) -> list[Mutant]:
    """The same of a mechanism that releases once for all queries.

    Args:
        mechanism: prepared on `canaries.public_rows`.
        unclipped: the same, with a clipping norm that clips nothing.
        retriever: of a private store.
    """
    plain = _scenario(mechanism, retriever, noise_multiplier=1.0)
    name = mechanism.name
    return [
        _noise_mutant(f"{name}: half the noise", 0, plain, MisstatedOnce(mechanism, mechanism, noise_share=0.5)),
        Mutant(f"{name}: noise from a seed", 1, *_seeded(replace(plain, attack=subtract_own_run))),
        _noise_mutant(f"{name}: residuals not clipped", 10, plain, MisstatedOnce(mechanism, unclipped)),
    ]


def subtract_own_run(released: Releasing, store: PrivateStore, pair: Pair) -> Outcomes:
    """Run the program on what is known of the store, and subtract: noise that repeats is gone."""
    return released(store, pair.query) - released(pair.absent, pair.query)


def subtract_ranks(released: Releasing, store: PrivateStore, pair: Pair) -> Outcomes:
    """Ask one rank for the canary, another for its opposite, and subtract: noise that they share is gone."""
    return released(store, pair.query) - released(store, -pair.query)


def _scenario(mechanism: PrivacyMechanism, retriever: Retriever, noise_multiplier: float) -> Scenario:
    plan = Plan(mechanism, retriever, Budget(1.0, DELTA), 1, noise_multiplier * mechanism.sensitivity())
    return Scenario(plan, worst_case(round(MANY / (mechanism.tuning or Tuning(1, 1.0)).sampling_rate)))


def _seeded(repaired: Scenario) -> tuple[Scenario, Scenario]:
    return replace(repaired, noise=seeded_noise), repaired


def _two_ranks(scenario: Scenario) -> Scenario:
    return replace(scenario, attack=subtract_ranks, queries_per_trial=2)


def _with(repaired: Scenario, broken: Callable[[Retriever], object]) -> tuple[Scenario, Scenario]:
    plan = replace(repaired.plan, retriever=as_retriever(broken(repaired.plan.retriever)))
    return replace(repaired, plan=plan), repaired


def _noise_mutant(name: str, hazard: int, repaired: Scenario, mechanism: object) -> Mutant:
    plan = replace(repaired.plan, mechanism=as_mechanism(mechanism))
    return Mutant(name, hazard, replace(repaired, plan=plan), repaired)


def _unclipped(plain: Scenario, without_clipping: PrivacyMechanism) -> Mutant:
    """A row of length 10, which the real mechanism clips."""
    repaired = replace(plain, make_pair=worst_case(MANY, length=10.0))
    mutant = _noise_mutant("long row, not clipped", 10, repaired, Misstated(plain.plan.mechanism, without_clipping))
    return replace(mutant, guard=guards.long_row)
