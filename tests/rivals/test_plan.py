import math

import pytest

from dprdm.audit.prv import epsilon_prv
from dprdm.errors import UserError
from dprdm.privacy.budget import Budget
from dprdm.privacy.events import compose
from dprdm.privacy.spending import Chargeable
from dprdm.rivals.plan import DpSgd, TrainingPlan, plan_training

DELTA, EPSILON = 1 / 15051, 10.0
MECHANISM = DpSgd(max_grad_norm=0.5, sampling_rate=0.017, num_steps=60, physical_batch=64)


@pytest.fixture(scope="module")
def plan() -> TrainingPlan:
    """Solved once: that takes seconds."""
    return plan_training(MECHANISM, Budget(EPSILON, DELTA))


def test_a_plan_keeps_its_budget(plan: TrainingPlan) -> None:
    assert 0.99 * EPSILON < plan.epsilons().epsilon <= EPSILON
    assert plan.noise_multiplier == pytest.approx(plan.noise_std / (0.5 * 1.01))


def test_agrees_with_opacus_prv_accountant(plan: TrainingPlan) -> None:
    prv = epsilon_prv(plan.event(), DELTA)
    assert prv is not None
    assert abs(prv - plan.epsilons().epsilon) < 0.02 * EPSILON  # PRV's bound lies up to 0.05 too high, twice
    assert abs(prv - plan.with_noise_std(0.9 * plan.noise_std).epsilons().epsilon) > 0.02 * EPSILON


def test_is_charged_as_one_query(plan: TrainingPlan) -> None:
    assert isinstance(plan, Chargeable)
    assert compose([plan.event(2)]) == compose([plan.event(), plan.event()])
    assert plan.with_noise_std(1.5).noise_std == 1.5


def test_noise_that_costs_more_than_the_budget_is_refused() -> None:
    with pytest.raises(UserError, match=r"60 steps with noise_std 0\.1 cost epsilon"):
        plan_training(MECHANISM, Budget(1.0, DELTA), 0.1)


def test_sums_that_would_be_too_coarse_are_refused() -> None:
    MECHANISM.require_exact(15051)
    with pytest.raises(UserError, match="smaller physical_batch"):
        DpSgd(1.0, 0.5, 10, 1024).require_exact(15051)


@pytest.mark.parametrize(
    "field", [{"max_grad_norm": 0.0}, {"sampling_rate": 0.0}, {"sampling_rate": 1.5}, {"num_steps": 0}]
)
def test_bad_settings_are_refused(field: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(field))):
        DpSgd(**{"max_grad_norm": 1.0, "sampling_rate": 0.1, "num_steps": 1, "physical_batch": 4, **field})  # type: ignore[arg-type]


def test_the_event_is_all_steps_whatever_is_asked() -> None:
    assert MECHANISM.event(1.0, 1) == MECHANISM.event(1.0, 1000)
    assert math.isclose(MECHANISM.sensitivity(), 0.505)
