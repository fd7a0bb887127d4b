"""Solve a plan for whatever is left out of it, by itself or with the best settings of a rehearsal. Loads no torch."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from dprdm.errors import UserError
from dprdm.guarantee.mechanism import OneReleaseMechanism, Preparable, PrivacyMechanism, Terms
from dprdm.guarantee.plan import Plan, make_plan, plan_epsilon, plan_k, plan_num_queries, plan_sampling_rate
from dprdm.privacy.budget import Budget
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import PublicStore
from dprdm.workflows.parameter_search import ParameterSearch, search_parameters


@dataclass(frozen=True)
class PlanInputs:
    """What a plan is solved from. One number may be None, and k and sampling_rate besides: they are assumed.

    Args:
        delta: of the budget.
        epsilon: of all queries together.
        num_queries: to be paid for; of no matter to a mechanism that releases once.
        noise_std: standard deviation of the noise in each coordinate.
        k: neighbours averaged, by a mechanism that has such a setting.
        sampling_rate: chance of each record to be searched, by a mechanism that has such a setting.
        max_per_unit: most records that one unit of privacy holds.
    """

    delta: float
    epsilon: float | None = None
    num_queries: int | None = None
    noise_std: float | None = None
    k: int | None = None
    sampling_rate: float | None = None
    max_per_unit: int = 1


@dataclass(frozen=True)
class SolvedPlan:
    """A plan, and what it rests on.

    Args:
        plan: with the number that was left out solved for.
        assumed: settings that were left out, too, and got the mechanism's usual value.
        search: the rehearsal that k and sampling_rate come from; None without one.
    """

    plan: Plan
    assumed: dict[str, float]
    search: ParameterSearch | None = None

    @property
    def releases_once(self) -> bool:
        """Whether one release answers any number of queries."""
        return isinstance(self.plan.mechanism, OneReleaseMechanism)

    def to_json(self) -> dict[str, Any]:
        """Return costs, noise and settings as plain values, and all settings that were rehearsed."""
        plan, costs, tuning = self.plan, self.plan.epsilons(), self.plan.mechanism.tuning
        rehearsed = {} if self.search is None else {"rehearsed": [asdict(setting) for setting in self.search.settings]}
        return {
            "mechanism": plan.mechanism.name,
            "epsilon": costs.epsilon,
            "epsilon_pld": costs.pld if math.isfinite(costs.pld) else None,
            "epsilon_rdp": costs.rdp if math.isfinite(costs.rdp) else None,
            "delta": plan.budget.delta,
            "noise_std": plan.noise_std,
            "noise_multiplier": plan.noise_multiplier,
            "sensitivity": plan.sensitivity,
            "k": None if tuning is None else tuning.k,
            "sampling_rate": None if tuning is None else tuning.sampling_rate,
            "num_queries": None if self.releases_once else plan.num_queries,
            **rehearsed,
        }

    def warnings(self, records: int) -> list[str]:
        """Say what is safe and yet surely not wanted, for a collection of this many records."""
        tuning = self.plan.mechanism.tuning
        if tuning is None or tuning.sampling_rate * records >= tuning.k:
            return []
        return [
            f"Warning: a sample holds {tuning.sampling_rate * records:.3g} records on average, fewer than k = {tuning.k}; "
            "missing ones are zero rows. Use a larger sampling_rate or a smaller k."
        ]


def solve_plan(
    mechanism: PrivacyMechanism,
    retriever: Retriever,
    inputs: PlanInputs,
    public: PublicStore | None = None,
    records: int | None = None,
) -> SolvedPlan:
    """Solve for the one number that is left out; with none left out, check that the noise keeps the budget.

    Args:
        mechanism: private; its k and sampling_rate are assumed where both they and another number are left out.
        retriever: of the plan; changes no cost.
        inputs: all but one number.
        public: rows on which a mechanism decides what it leaves open. None: that stands at its default.
        records: size of the collection; None: that of the public rows is taken for it, where a mechanism wants to know.
    Raises:
        UserError: if more is left out, if the mechanism has no setting that is given, or if no plan keeps the budget.
    """
    if not mechanism.is_private:
        raise UserError(f"The mechanism {mechanism.name} claims no privacy: there is nothing to plan.")
    mechanism, inputs, assumed = _with_settings(mechanism, inputs)
    if isinstance(mechanism, Preparable):
        mechanism = _prepare(mechanism, inputs, public, records)
    return SolvedPlan(_solve(mechanism, retriever, inputs), assumed)


def solve_by_rehearsal(
    mechanism: PrivacyMechanism,
    retriever: Retriever,
    inputs: PlanInputs,
    store: PublicStore,
    public: PublicStore | None = None,
    records: int | None = None,
) -> SolvedPlan:
    """Rehearse k and sampling_rate on public rows, and plan with the best; those that are given stay.

    Args:
        mechanism: with such settings.
        retriever: of the plan.
        inputs: with num_queries and epsilon, and without noise_std.
        store: public rows to rehearse on.
        public: as for `solve_plan`.
        records: size of the collection; None: not known, so that its samples may hold fewer than k records.
    Raises:
        UserError: as `solve_plan` does, and if nothing can be rehearsed.
    """
    if inputs.num_queries is None or inputs.epsilon is None or inputs.noise_std is not None:
        raise UserError("Expected --queries and --eps, and no --noise_std, with --choose: the noise is solved for.")
    budget = Budget(inputs.epsilon, inputs.delta)
    search = search_parameters(
        store, mechanism, budget, inputs.num_queries, inputs.k, inputs.sampling_rate, records, inputs.max_per_unit
    )
    best = search.settings[0]
    inputs = replace(inputs, k=best.k, sampling_rate=best.sampling_rate)
    solved = solve_plan(mechanism, retriever, inputs, public, records)
    return replace(solved, search=search)


def _with_settings(
    mechanism: PrivacyMechanism, inputs: PlanInputs
) -> tuple[PrivacyMechanism, PlanInputs, dict[str, float]]:
    """Give the mechanism the k and sampling_rate of the inputs; assume its usual ones where another number is unknown, too."""
    if inputs.k is not None or inputs.sampling_rate is not None:
        mechanism = mechanism.tuned(k=inputs.k, sampling_rate=inputs.sampling_rate)
    unknown = [name for name, value in _numbers(mechanism, inputs).items() if value is None]
    assumed: dict[str, float] = {}
    tuning = mechanism.tuning
    if tuning is not None and inputs.k is None and len(unknown) > 1:
        unknown.remove("k")
        assumed["k"] = tuning.k
        inputs = replace(inputs, k=tuning.k)
    if tuning is not None and inputs.sampling_rate is None and len(unknown) > 1:
        assumed["sampling_rate"] = tuning.sampling_rate
        inputs = replace(inputs, sampling_rate=tuning.sampling_rate)
    return mechanism, inputs, assumed


def _prepare(
    mechanism: PrivacyMechanism, inputs: PlanInputs, public: PublicStore | None, records: int | None
) -> PrivacyMechanism:
    """Have the mechanism decide what it leaves open; without public rows, require that it can do without."""
    assert isinstance(mechanism, Preparable)
    if public is None:
        try:
            mechanism.sensitivity(inputs.max_per_unit)
        except UserError as error:
            raise UserError(
                f"Expected --public, the store of public rows on which the mechanism {mechanism.name} decides what it hides."
            ) from error
        return mechanism
    if inputs.epsilon is None or (inputs.num_queries is None and not isinstance(mechanism, OneReleaseMechanism)):
        raise UserError("Expected --eps and --queries with --public: what is decided on public rows depends on them.")
    from dprdm.data.captions import read_knowledge  # with an image library: most plans do without

    knowledge, budget = read_knowledge(public), Budget(inputs.epsilon, inputs.delta)
    size = len(knowledge.rows) if records is None else records
    return mechanism.prepare(knowledge, Terms(budget, inputs.num_queries or 1, size, inputs.max_per_unit))


def _numbers(mechanism: PrivacyMechanism, inputs: PlanInputs) -> dict[str, float | None]:
    """List the numbers that a plan of this mechanism has, by the names of their options."""
    numbers: dict[str, float | None] = {"eps": inputs.epsilon, "noise_std": inputs.noise_std}
    if not isinstance(mechanism, OneReleaseMechanism):
        numbers = {"queries": inputs.num_queries, **numbers}
    if mechanism.tuning is not None:
        numbers |= {"k": inputs.k, "sampling_rate": inputs.sampling_rate}
    return numbers


def _solve(mechanism: PrivacyMechanism, retriever: Retriever, inputs: PlanInputs) -> Plan:
    """Solve for the number that is None; with none of them None, check."""
    missing = [name for name, value in _numbers(mechanism, inputs).items() if value is None]
    if len(missing) > 1:
        raise UserError(f"Expected all but one of --queries, --eps and --noise_std; {', '.join(missing)} are missing.")
    unit, delta = inputs.max_per_unit, inputs.delta
    queries = 1 if isinstance(mechanism, OneReleaseMechanism) else inputs.num_queries
    match missing, queries, inputs.epsilon, inputs.noise_std:
        case ["eps"], int(), _, float() as noise_std:
            return plan_epsilon(mechanism, retriever, delta, queries, noise_std, unit)
        case ["queries"], _, float() as epsilon, float() as noise_std:
            return plan_num_queries(mechanism, retriever, Budget(epsilon, delta), noise_std, unit)
        case ["k"], int(), float() as epsilon, float() as noise_std:
            return plan_k(mechanism, retriever, Budget(epsilon, delta), queries, noise_std, unit)
        case ["sampling_rate"], int(), float() as epsilon, float() as noise_std:
            return plan_sampling_rate(mechanism, retriever, Budget(epsilon, delta), queries, noise_std, unit)
    assert queries is not None
    assert inputs.epsilon is not None
    return make_plan(mechanism, retriever, Budget(inputs.epsilon, delta), queries, inputs.noise_std, unit)
