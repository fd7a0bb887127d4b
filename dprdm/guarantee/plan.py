"""A plan couples mechanism, retriever, noise, number of queries and budget in one frozen value, so that they cannot drift
apart.

Of budget, number of queries, noise, sampling rate and k, the one left out is solved for: one function each.
"""

from dataclasses import dataclass, replace
from typing import Any

from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.errors import UserError
from dprdm.guarantee.description import as_version_0_4, describe, describe_release
from dprdm.guarantee.mechanism import OneReleaseMechanism, PerQueryMechanism, PrivacyMechanism, Tuning
from dprdm.privacy.accountant import EpsilonReport, fits, report
from dprdm.privacy.budget import Budget
from dprdm.privacy.calibration import calibrate, largest_count, smallest_count
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import PrivateStore, PublicStore, Store


@dataclass(frozen=True)
class Plan:
    """What will be released, and at what cost. The accountant and the draw read the same fields.

    Args:
        mechanism: adds the noise and states it.
        retriever: finds the rows, for mechanisms that search; says whether the store is private.
        budget: what the plan may cost. A mechanism that is not private does not keep it, and is marked wherever it
            shows.
        num_queries: number of answers that the plan pays for.
        noise_std: absolute noise, in the units of the vectors. 0 for a mechanism that is not private.
        max_per_unit: most records that one unit of privacy holds.
        delta_is_default: whether delta is 1 / number of units because nobody set it, which makes that number public.
    """

    mechanism: PrivacyMechanism
    retriever: Retriever
    budget: Budget
    num_queries: int
    noise_std: float
    max_per_unit: int = 1
    delta_is_default: bool = False

    def __post_init__(self) -> None:
        check.at_least(1, num_queries=self.num_queries)
        check.at_least(1, max_per_unit=self.max_per_unit)
        if not isinstance(self.mechanism, (PerQueryMechanism, OneReleaseMechanism)):
            raise UserError(
                f"Expected a mechanism that answers each query or releases once; {self.mechanism.name} does neither. "
                "Derive it from PerQueryMechanism or OneReleaseMechanism."
            )
        self.mechanism.noise.require_std(self.noise_std)

    @property
    def is_private(self) -> bool:
        """Say whether what the plan releases carries a guarantee at all."""
        return self.mechanism.is_private

    @property
    def sensitivity(self) -> float:
        """Return how far what is noised moves at most when one unit comes or goes, in the norm of the noise."""
        return self.mechanism.sensitivity(self.max_per_unit)

    @property
    def noise_multiplier(self) -> float:
        """Return noise_std / sensitivity."""
        return self.noise_std / self.sensitivity

    @property
    def tuning(self) -> Tuning:
        """Return the mechanism's k and sampling rate. Raises UserError if it has none."""
        if (tuning := self.mechanism.tuning) is None:
            raise UserError(f"Expected a mechanism with a k and a sampling_rate; {self.mechanism.name} has neither.")
        return tuning

    def event(self, num_queries: int | None = None) -> DpEvent:
        """Return what `num_queries` answers cost; as many as planned if None."""
        count = self.num_queries if num_queries is None else num_queries
        return self.mechanism.event(self.noise_std, count, self.max_per_unit)

    def epsilons(self, num_queries: int | None = None) -> EpsilonReport:
        """Compute the cost of `num_queries` answers by every accountant, at the budget's delta."""
        return report(self.event(num_queries), self.budget.delta)

    def with_noise_std(self, noise_std: float) -> "Plan":
        """Return the same plan with other noise."""
        return replace(self, noise_std=noise_std)

    def tuned(self, k: int | None = None, sampling_rate: float | None = None) -> "Plan":
        """Return the same plan with another k, sampling rate, or both. Raises UserError if the mechanism has none."""
        return replace(self, mechanism=self.mechanism.tuned(k, sampling_rate))

    def public_fields(self) -> dict[str, Any]:
        """Return what is released, in plain values that fix its distribution: for ledger and certificate."""
        return {
            "mechanism": describe(self.mechanism),
            "noise_std": self.noise_std,
            "max_per_unit": self.max_per_unit,
        }

    def release_fields(self) -> dict[str, Any]:
        """Return what names a stored release: public fields and retriever, without what only says how it is read."""
        return {
            **self.public_fields(),
            "mechanism": describe_release(self.mechanism),
            "retriever": describe(self.retriever),
        }

    def release_fields_0_4(self) -> dict[str, Any]:
        """Return the same as version 0.4 wrote it, so that its releases are found again and are not paid for twice."""
        fields = self.release_fields()
        return {**fields, **{kind: as_version_0_4(fields[kind]) for kind in ("mechanism", "retriever")}}

    def require_store(self, store: Store) -> None:
        """Raise UserError unless the plan is for this store: its kind, its units of privacy, and what was indexed in it."""
        if self.retriever.reads_private and not isinstance(store, PrivateStore):
            raise UserError(
                f"The retriever {self.retriever.name} reads a private store; {store.path} is public. "
                "Use a public retriever."
            )
        if not self.retriever.reads_private and not isinstance(store, PublicStore):
            raise UserError(f"The retriever {self.retriever.name} reads a public store; {store.path} is private.")
        if self.max_per_unit != store.max_per_unit:
            raise UserError(
                f"The plan is for units of up to {self.max_per_unit} records; {store.path} has units of up to "
                f"{store.max_per_unit}. Plan for that."
            )
        self.retriever.require_store(store)


def make_plan(
    mechanism: PrivacyMechanism,
    retriever: Retriever,
    budget: Budget,
    num_queries: int,
    noise_std: float | None = None,
    max_per_unit: int = 1,
) -> Plan:
    """Return the plan with this noise, or, with None, with the least noise that the budget allows.

    Raises:
        UserError: if the noise costs more than the budget.
    Guarantee:
        - The plan costs at most its budget (tests/guarantee/test_plan.py::test_hazard_12_a_plan_keeps_its_budget).
    """
    if not mechanism.is_private:
        return Plan(mechanism, retriever, budget, num_queries, 0.0, max_per_unit)
    if noise_std is None:
        check.at_least(1, num_queries=num_queries)
        noise_std = calibrate(lambda value: mechanism.event(value, num_queries, max_per_unit), budget)
    plan = Plan(mechanism, retriever, budget, num_queries, noise_std, max_per_unit)
    if not fits(plan.event(), budget):
        raise UserError(
            f"{num_queries} queries with noise_std {noise_std:g} cost epsilon {plan.epsilons().epsilon:.4g}; "
            f"the budget is {budget}. Leave noise_std out to have it solved for."
        )
    return plan


def plan_epsilon(
    mechanism: PrivacyMechanism,
    retriever: Retriever,
    delta: float,
    num_queries: int,
    noise_std: float,
    max_per_unit: int = 1,
) -> Plan:
    """Return the plan with this noise; its budget is what it costs."""
    check.positive(noise_std=noise_std)
    epsilon = report(mechanism.event(noise_std, num_queries, max_per_unit), delta).epsilon
    return Plan(mechanism, retriever, Budget(epsilon, delta), num_queries, noise_std, max_per_unit)


def plan_num_queries(
    mechanism: PrivacyMechanism, retriever: Retriever, budget: Budget, noise_std: float, max_per_unit: int = 1
) -> Plan:
    """Return the plan for as many queries as the budget allows.

    Raises:
        UserError: if it allows none.
    """
    check.positive(noise_std=noise_std)
    count = largest_count(lambda number: mechanism.event(noise_std, number, max_per_unit), budget)
    if count == 0:
        raise UserError(f"Not one query with noise_std {noise_std:g} fits {budget}. Use more noise.")
    return Plan(mechanism, retriever, budget, count, noise_std, max_per_unit)


def plan_sampling_rate(
    mechanism: PrivacyMechanism,
    retriever: Retriever,
    budget: Budget,
    num_queries: int,
    noise_std: float,
    max_per_unit: int = 1,
) -> Plan:
    """Return the plan with the largest sampling rate that the budget allows. Raises UserError if there is no such rate."""
    check.positive(noise_std=noise_std)
    whole = Plan(mechanism.tuned(sampling_rate=1.0), retriever, budget, num_queries, noise_std, max_per_unit)
    if fits(whole.event(), budget):
        return whole
    inverse = calibrate(lambda value: whole.tuned(sampling_rate=min(1.0, 1 / value)).event(), budget)
    return whole.tuned(sampling_rate=min(1.0, 1 / inverse))


def plan_k(
    mechanism: PrivacyMechanism,
    retriever: Retriever,
    budget: Budget,
    num_queries: int,
    noise_std: float,
    max_per_unit: int = 1,
) -> Plan:
    """Return the plan with the fewest neighbours that the budget allows. Raises UserError if the mechanism has no k."""
    check.positive(noise_std=noise_std)
    plan = Plan(mechanism.tuned(k=1), retriever, budget, num_queries, noise_std, max_per_unit)
    return plan.tuned(k=smallest_count(lambda k: plan.tuned(k=k).event(), budget))
