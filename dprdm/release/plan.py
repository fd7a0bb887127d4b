"""A plan couples mechanism, noise, number of queries and budget in one frozen value, so that they cannot drift apart.

Of budget, number of queries, noise, sampling rate and k, the one left out is solved for: one function each.
"""

import dataclasses
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.errors import UserError
from dprdm.privacy.accountant import EpsilonReport, fits, report
from dprdm.privacy.budget import Budget
from dprdm.privacy.calibration import calibrate, largest_count, smallest_count
from dprdm.release.mechanism import PrivacyMechanism


@dataclass(frozen=True)
class Plan:
    """What will be released, and at what cost. The accountant and the draw read the same fields.

    Args:
        mechanism: adds the noise and states it.
        budget: what the plan may cost. A mechanism that is not private does not keep it, and is marked wherever it
            shows.
        num_queries: number of answers that the plan pays for.
        noise_std: absolute noise, in the units of the vectors. 0 for a mechanism that is not private.
        max_per_unit: most records that one unit of privacy holds.
        delta_is_default: whether delta is 1 / number of units because nobody set it, which makes that number public.
    """

    mechanism: PrivacyMechanism
    budget: Budget
    num_queries: int
    noise_std: float
    max_per_unit: int = 1
    delta_is_default: bool = False

    def __post_init__(self) -> None:
        check.at_least(1, num_queries=self.num_queries)
        check.at_least(1, max_per_unit=self.max_per_unit)
        if self.mechanism.is_private:
            check.positive(noise_std=self.noise_std)
        else:
            check.in_range(0.0, 0.0, noise_std=self.noise_std)

    @property
    def is_private(self) -> bool:
        """Whether what the plan releases carries a guarantee at all."""
        return self.mechanism.is_private

    @property
    def sensitivity(self) -> float:
        """Largest L2 change of what is noised when one unit comes or goes."""
        return self.mechanism.sensitivity(self.max_per_unit)

    @property
    def noise_multiplier(self) -> float:
        """noise_std / sensitivity."""
        return self.noise_std / self.sensitivity

    def event(self, num_queries: int | None = None) -> DpEvent:
        """What `num_queries` answers cost; as many as planned if None."""
        count = self.num_queries if num_queries is None else num_queries
        return self.mechanism.event(self.noise_std, count, self.max_per_unit)

    def epsilons(self, num_queries: int | None = None) -> EpsilonReport:
        """The cost of `num_queries` answers by every accountant, at the budget's delta."""
        return report(self.event(num_queries), self.budget.delta)

    def with_noise_std(self, noise_std: float) -> "Plan":
        """The same plan with other noise."""
        return dataclasses.replace(self, noise_std=noise_std)

    def public_fields(self) -> dict[str, Any]:
        """What is released, in plain values that fix its distribution: for ledger, certificate and stored releases."""
        return {
            "mechanism": describe(self.mechanism),
            "noise_std": self.noise_std,
            "max_per_unit": self.max_per_unit,
        }


def describe(plugin: Any) -> dict[str, Any]:
    """A plugin (a frozen dataclass with a `name`) as plain values: short name, class, fields.

    Of a file whose hash is a field as well (`partition`, `partition_sha256`), only the name is kept: what it is, not where
    it lies, makes a request the same.
    """
    kind = type(plugin)
    fields = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(plugin).items()}
    hashed = {name: Path(value).name for name, value in fields.items() if value and f"{name}_sha256" in fields}
    return {"name": kind.name, "class": f"{kind.__module__}.{kind.__qualname__}", "fields": {**fields, **hashed}}


def make_plan(
    mechanism: PrivacyMechanism,
    budget: Budget,
    num_queries: int,
    noise_std: float | None = None,
    max_per_unit: int = 1,
) -> Plan:
    """The plan with this noise, or, with None, with the least noise that the budget allows.

    Raises:
        UserError: if the noise given costs more than the budget.
    Guarantee:
        - The plan costs at most its budget (tests/release/test_plan.py::test_hazard_12_a_plan_keeps_its_budget).
    """
    if not mechanism.is_private:
        return Plan(mechanism, budget, num_queries, 0.0, max_per_unit)
    if noise_std is None:
        check.at_least(1, num_queries=num_queries)
        noise_std = calibrate(lambda value: mechanism.event(value, num_queries, max_per_unit), budget)
    plan = Plan(mechanism, budget, num_queries, noise_std, max_per_unit)
    if not fits(plan.event(), budget):
        raise UserError(
            f"{num_queries} queries with noise_std {noise_std:g} cost epsilon {plan.epsilons().epsilon:.4g}; "
            f"the budget is {budget}. Leave noise_std out to have it solved for."
        )
    return plan


def plan_epsilon(
    mechanism: PrivacyMechanism, delta: float, num_queries: int, noise_std: float, max_per_unit: int = 1
) -> Plan:
    """The plan with this noise; its budget is what it costs."""
    check.positive(noise_std=noise_std)
    epsilon = report(mechanism.event(noise_std, num_queries, max_per_unit), delta).epsilon
    return Plan(mechanism, Budget(epsilon, delta), num_queries, noise_std, max_per_unit)


def plan_num_queries(mechanism: PrivacyMechanism, budget: Budget, noise_std: float, max_per_unit: int = 1) -> Plan:
    """The plan for as many queries as the budget allows.

    Raises:
        UserError: if it allows none.
    """
    check.positive(noise_std=noise_std)
    count = largest_count(lambda number: mechanism.event(noise_std, number, max_per_unit), budget)
    if count == 0:
        raise UserError(f"Not one query with noise_std {noise_std:g} fits {budget}. Use more noise.")
    return Plan(mechanism, budget, count, noise_std, max_per_unit)


def plan_sampling_rate(
    mechanism: PrivacyMechanism, budget: Budget, num_queries: int, noise_std: float, max_per_unit: int = 1
) -> Plan:
    """The plan with the largest sampling rate that the budget allows; for mechanisms with a field `sampling_rate`."""
    check.positive(noise_std=noise_std)

    def with_rate(sampling_rate: float) -> Plan:
        return Plan(with_fields(mechanism, sampling_rate=sampling_rate), budget, num_queries, noise_std, max_per_unit)

    if fits(with_rate(1.0).event(), budget):
        return with_rate(1.0)
    return with_rate(1 / calibrate(lambda inverse: with_rate(min(1.0, 1 / inverse)).event(), budget))


def plan_k(
    mechanism: PrivacyMechanism, budget: Budget, num_queries: int, noise_std: float, max_per_unit: int = 1
) -> Plan:
    """The plan with the fewest neighbours that the budget allows; for mechanisms with a field `k`."""
    check.positive(noise_std=noise_std)

    def with_k(k: int) -> Plan:
        return Plan(with_fields(mechanism, k=k), budget, num_queries, noise_std, max_per_unit)

    return with_k(smallest_count(lambda k: with_k(k).event(), budget))


def with_fields(mechanism: PrivacyMechanism, **field: Any) -> PrivacyMechanism:
    """The same mechanism with these fields set. Raises UserError if it has no such field."""
    names = {known.name for known in dataclasses.fields(mechanism)}  # type: ignore[arg-type]
    if not field.keys() <= names:
        raise UserError(f"The mechanism {mechanism.name} has no {' or '.join(field)} to solve for.")
    return dataclasses.replace(mechanism, **field)  # type: ignore[type-var]
