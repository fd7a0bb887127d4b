from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from dprdm.errors import UserError
from dprdm.guarantee.mechanism import PrivacyMechanism
from dprdm.guarantee.plan import Plan, make_plan, plan_epsilon, plan_k, plan_num_queries, plan_sampling_rate
from dprdm.plugins.mechanisms.codebook import Codebook
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.mechanisms.nonprivate import NonPrivate
from dprdm.plugins.retrievers.exact import Exact
from dprdm.plugins.retrievers.public import Public
from dprdm.privacy.budget import Budget
from dprdm.privacy.distributions import GaussianNoise, Noise
from tests.fakes import private_store, public_store, unit_rows

BUDGET = Budget(5.0, 1e-5)
RETRIEVER = Exact()
MECHANISM = Gaussian(k=20, sampling_rate=0.01)


@pytest.mark.parametrize("max_per_unit", [1, 3])
def test_hazard_12_a_plan_keeps_its_budget(max_per_unit):
    plan = make_plan(MECHANISM, RETRIEVER, BUDGET, 1000, max_per_unit=max_per_unit)
    assert 4.9 < plan.epsilons().epsilon <= BUDGET.epsilon


def test_persons_need_noise_in_proportion_to_their_records():
    one, three = (make_plan(MECHANISM, RETRIEVER, BUDGET, 1000, max_per_unit=number) for number in (1, 3))
    assert three.noise_std == pytest.approx(3 * one.noise_std, rel=1e-3)
    assert three.noise_multiplier == pytest.approx(one.noise_multiplier, rel=1e-3)


@pytest.mark.parametrize(
    ("k", "rate", "epsilon", "num_queries", "noise_std"),
    [
        (20, 0.02, 10.0, 40, 0.04488031912728612),
        (5, 0.1, 1.0, 1000, 4.746222628052329),
        (20, 1.0, 10.0, 1000, 1.580792607231267),
    ],
)
def test_noise_is_solved_for_as_in_version_0_4(k, rate, epsilon, num_queries, noise_std):
    """To the bit on one machine: it is in the name of a stored release, which would be paid for again otherwise."""
    plan = make_plan(Gaussian(k=k, sampling_rate=rate), RETRIEVER, Budget(epsilon, 1e-5), num_queries)
    assert plan.noise_std == pytest.approx(noise_std, rel=1e-13)


def test_noise_that_costs_more_than_the_budget_is_refused():
    with pytest.raises(UserError, match="Leave noise_std out"):
        make_plan(MECHANISM, RETRIEVER, BUDGET, 1000, noise_std=0.01)


def test_solving_for_each_unknown_comes_back_to_the_others():
    plan = make_plan(MECHANISM, RETRIEVER, BUDGET, 1000)
    assert plan_epsilon(MECHANISM, RETRIEVER, 1e-5, 1000, plan.noise_std).budget.epsilon == pytest.approx(5, rel=1e-3)
    assert plan_num_queries(MECHANISM, RETRIEVER, BUDGET, plan.noise_std).num_queries == pytest.approx(1000, rel=2e-3)
    assert plan_k(MECHANISM, RETRIEVER, BUDGET, 1000, plan.noise_std).mechanism == MECHANISM
    rate = plan_sampling_rate(MECHANISM, RETRIEVER, BUDGET, 1000, plan.noise_std).mechanism.sampling_rate
    assert rate == pytest.approx(0.01, rel=1e-3)


def test_ample_noise_needs_no_sampling():
    assert plan_sampling_rate(MECHANISM, RETRIEVER, BUDGET, 10, 10.0).mechanism.sampling_rate == 1.0


def test_unknowns_that_nothing_solves():
    with pytest.raises(UserError, match="Not one query"):
        plan_num_queries(Gaussian(k=20, sampling_rate=1.0), RETRIEVER, BUDGET, 0.001)


def test_event_of_fewer_queries_costs_less():
    plan = make_plan(MECHANISM, RETRIEVER, BUDGET, 1000)
    assert plan.epsilons(100).epsilon < plan.epsilons().epsilon


def test_fields_are_checked():
    with pytest.raises(UserError, match="num_queries"):
        make_plan(MECHANISM, RETRIEVER, BUDGET, 0)
    with pytest.raises(UserError, match="noise_std"):
        Plan(MECHANISM, RETRIEVER, BUDGET, 10, 0.0)
    with pytest.raises(UserError, match="noise_std"):
        Plan(NonPrivate(), RETRIEVER, BUDGET, 10, 0.1)


def test_public_fields_say_what_is_released():
    fields = make_plan(MECHANISM, RETRIEVER, BUDGET, 10, noise_std=1.0).public_fields()
    assert fields["mechanism"] == {
        "name": "gaussian",
        "class": "dprdm.plugins.mechanisms.gaussian.Gaussian",
        "fields": {"k": 20, "sampling_rate": 0.01, "clip_norm": 1.0},
    }
    assert (fields["noise_std"], fields["max_per_unit"]) == (1.0, 1)


def test_what_names_a_stored_release(tmp_path):
    codebook = Codebook(share=0.5, draws=0, partition=str(tmp_path / "cells"), partition_sha256="0" * 64)
    plan = Plan(codebook, RETRIEVER, BUDGET, 10, 1.0)
    fields, public = plan.release_fields(), plan.public_fields()
    assert public["mechanism"]["fields"].keys() - fields["mechanism"]["fields"].keys() == {"share", "draws"}
    assert fields["mechanism"]["fields"]["partition"] == "cells"
    other = replace(codebook, share=0.1, draws=7)
    assert Plan(other, RETRIEVER, BUDGET, 9, 1.0).release_fields() == fields
    assert Plan(codebook, RETRIEVER, BUDGET, 10, 2.0).release_fields() != fields


def test_as_version_0_4_named_it():
    fields = Plan(MECHANISM, RETRIEVER, BUDGET, 10, 1.0).release_fields_0_4()
    assert fields == {
        "mechanism": {
            "name": "gaussian",
            "class": "plugins.mechanisms.gaussian.Gaussian",
            "fields": {"k": 20, "sampling_rate": 0.01, "clip_norm": 1.0},
        },
        "noise_std": 1.0,
        "max_per_unit": 1,
        "retriever": {"name": "exact", "class": "plugins.retrievers.exact.Exact", "fields": {}},
    }


def test_a_mechanism_of_neither_kind_is_refused():
    @dataclass(frozen=True)
    class Neither(PrivacyMechanism):
        name: ClassVar[str] = "neither"
        noise: ClassVar[Noise] = GaussianNoise()

        def sensitivity(self, max_per_unit=1):
            return 1.0

        def event(self, noise_std, num_queries, max_per_unit=1):
            return self.noise.event(noise_std)

    with pytest.raises(UserError, match="does neither"):
        Plan(Neither(), RETRIEVER, BUDGET, 10, 1.0)


def test_a_mechanism_without_a_k_has_none_to_solve_for():
    with pytest.raises(UserError, match="codebook has no k"):
        plan_k(Codebook(), RETRIEVER, BUDGET, 10, 1.0)
    with pytest.raises(UserError, match="codebook has neither"):
        Plan(Codebook(), RETRIEVER, BUDGET, 10, 1.0).tuning  # noqa: B018


@pytest.mark.parametrize(("retriever", "make_store"), [(Exact(), public_store), (Public(), private_store)])
def test_a_store_of_the_other_kind_is_refused(tmp_path, retriever, make_store):
    plan = Plan(MECHANISM, retriever, BUDGET, 10, 1.0)
    with pytest.raises(UserError, match=f"The retriever {retriever.name} reads a"):
        plan.require_store(make_store(tmp_path, unit_rows(5, 4)))


def test_a_baseline_has_no_noise_and_no_finite_epsilon():
    plan = make_plan(NonPrivate(), RETRIEVER, BUDGET, 10)
    assert plan.noise_std == 0
    assert plan.epsilons().epsilon == float("inf")
    assert not plan.is_private
