import numpy as np
import pytest

from dprdm.figures import plan_curves
from dprdm.figures.plan_curves import by_k, by_queries, by_sampling_rate, densities, feasible_region, least_epsilons
from dprdm.guarantee.plan import make_plan
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.accountant import report
from dprdm.privacy.budget import Budget
from dprdm.privacy.events import sampled_gaussian


@pytest.fixture(scope="module")
def plan():
    return make_plan(Gaussian(k=20, sampling_rate=0.02), Exact(), Budget(5.0, 1e-5), 1000)


@pytest.mark.parametrize(("curve", "grows"), [(by_queries, True), (by_k, False), (by_sampling_rate, True)])
def test_curves_pass_through_the_plan_and_go_one_way(plan, curve, grows, monkeypatch):
    monkeypatch.setattr(plan_curves, "POINTS", 5)
    drawn = curve(plan)
    assert drawn.epsilon() == pytest.approx(5.0, rel=1e-3)
    assert np.all(np.diff(drawn.rdp) > 0) == grows
    assert (drawn.epsilon(2) > 5.0) == grows
    assert np.all(drawn.pld[np.isfinite(drawn.pld)] <= drawn.rdp[np.isfinite(drawn.pld)])


def test_concepts_of_common_collections_cost_less(plan):
    few, many = least_epsilons(plan, 10**5), least_epsilons(plan, 10**6)
    assert np.all(np.isinf(few[densities() * 10**5 < 0.999]))
    assert np.all(np.diff(few[np.isfinite(few)]) <= 0)
    assert np.all(many <= few)


def test_least_epsilon_beats_every_sampling_rate(plan):
    density = int(np.argmin(np.abs(densities() - 1e-3)))
    least = least_epsilons(plan, 10**5)[density]  # 100 matches
    for rate in (0.1, 0.3, 1.0):
        event = sampled_gaussian(plan.noise_std * int(100 * rate) / 2, rate, plan.num_queries)
        assert least <= report(event, 1e-5).epsilon * (1 + 1e-6)


def test_feasible_region_has_the_plan_in_it(plan, monkeypatch):
    monkeypatch.setattr(plan_curves, "RATES", 5)
    region = feasible_region(plan, 10_000, dim=64)
    row, column = np.argmin(np.abs(region.ks - 20)), np.argmin(np.abs(region.sampling_rates - 0.02))
    assert region.noise_norms[row, column] == pytest.approx(plan.noise_std * 8, rel=0.3)
    expected = region.sampling_rates[None] * 10_000 >= region.ks[:, None]
    assert np.array_equal(np.isfinite(region.noise_norms), expected)
