"""Opacus is the independent oracle here, and here only: importing it imports torch."""

import math
import time
import warnings
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from dp_accounting import dp_event
from scipy import integrate, optimize, stats

from dprdm.errors import UserError
from dprdm.privacy import loss, renyi
from dprdm.privacy.accountant import fits, report
from dprdm.privacy.budget import Budget
from dprdm.privacy.distributions import LaplaceNoise
from dprdm.privacy.events import base_events, compose, sampled_gaussian
from dprdm.privacy.loss import epsilon_pld
from dprdm.privacy.renyi import epsilon_rdp

# k, queries, noise_std, sampling_rate, delta, and what RDP and PLD say: the settings of the paper's figures.
PAPER = [
    (20, 100, 0.035, 0.0013217926, 1 / 82800, 10.000, 7.78),
    (23, 1000, 0.0492, 0.01, 1 / 50000, 9.95, 8.50),
    (17, 100, 0.065, 0.01, 1 / 239_000_000, 9.95, 8.62),
]


@pytest.fixture(scope="module")
def opacus():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import opacus.accountants

    return opacus.accountants


def test_golden_values_of_the_paper():
    costs = report(sampled_gaussian(0.2 / (2 / 18), 0.01, 1000), 1e-7)
    assert (round(costs.rdp, 3), costs.rdp_order) == (0.997, 25.0)
    assert round(costs.pld, 3) == 0.928
    assert (costs.epsilon, costs.accountant) == (costs.pld, "pld")


@pytest.mark.parametrize(("k", "queries", "noise_std", "rate", "delta", "rdp", "pld"), PAPER)
def test_settings_of_the_paper(k, queries, noise_std, rate, delta, rdp, pld):
    costs = report(sampled_gaussian(noise_std * k / 2, rate, queries), delta)
    assert costs.rdp == pytest.approx(rdp, rel=0.0025)
    assert costs.pld == pytest.approx(pld, abs=0.006)


@pytest.mark.parametrize(("k", "queries", "noise_std", "rate", "delta", "rdp", "pld"), PAPER)
def test_opacus_agrees(opacus, k, queries, noise_std, rate, delta, rdp, pld):
    event = sampled_gaussian(noise_std * k / 2, rate, queries)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_rdp = opacus.RDPAccountant()
        by_rdp.history = [(noise_std * k / 2, rate, queries)]
        ours, order = epsilon_rdp(event, delta)
        theirs, their_order = by_rdp.get_privacy_spent(delta=delta, alphas=list(renyi.RDP_ORDERS))
        by_prv = opacus.PRVAccountant()
        by_prv.history = by_rdp.history
        tight = by_prv.get_epsilon(delta=delta, eps_error=0.05)
    # At fractional orders dp_accounting cuts its series off on the safe side: up to half a percent above the true
    # value.
    assert theirs * (1 - 1e-6) <= ours <= theirs * 1.005
    assert order == their_order
    assert tight - 0.1 <= epsilon_pld(event, delta) <= tight  # PRV's bound is up to twice its eps_error above


def _exact_delta(epsilon: float, noise_multiplier: float, rate: float) -> float:
    """Hockey-stick divergence of one sampled Gaussian, the larger of add and remove, by numerical integration."""

    def without(x: float) -> float:
        return stats.norm.pdf(x, 0, noise_multiplier)

    def with_record(x: float) -> float:
        return (1 - rate) * without(x) + rate * stats.norm.pdf(x, 1, noise_multiplier)

    def divergence(above, below) -> float:
        def excess(x: float) -> float:
            return max(0.0, above(x) - math.exp(epsilon) * below(x))

        edges = np.linspace(-12 * noise_multiplier, 1 + 12 * noise_multiplier, 60)
        return sum(integrate.quad(excess, a, b, limit=200, epsabs=1e-13)[0] for a, b in pairwise(edges))

    return max(divergence(with_record, without), divergence(without, with_record))


@pytest.mark.parametrize(("noise_multiplier", "rate", "delta"), [(1.0, 0.1, 1e-4), (0.5, 0.01, 1e-3), (2.0, 0.5, 1e-2)])
def test_one_query_against_numerical_integration(noise_multiplier, rate, delta):
    epsilon = epsilon_pld(sampled_gaussian(noise_multiplier, rate, 1), delta)
    assert _exact_delta(epsilon, noise_multiplier, rate) <= delta * (1 + 1e-6)
    assert _exact_delta(epsilon * 0.998, noise_multiplier, rate) > delta  # and it is tight


def test_plain_gaussians_against_the_analytic_formula():
    epsilon, mean = epsilon_pld(sampled_gaussian(3.0, 1.0, 9), 1e-5), 1.0
    tails = stats.norm.cdf(mean / 2 - epsilon / mean), math.exp(epsilon) * stats.norm.cdf(-mean / 2 - epsilon / mean)
    assert tails[0] - tails[1] == pytest.approx(1e-5, rel=1e-2)


def test_events_without_cost_and_without_privacy():
    for nothing in (dp_event.NoOpDpEvent(), compose([])):
        assert report(nothing, 1e-6).epsilon == 0
    for everything in (
        dp_event.NonPrivateDpEvent(),
        compose([sampled_gaussian(1.0, 0.1, 3), dp_event.NonPrivateDpEvent()]),
    ):
        assert report(everything, 1e-6).epsilon == math.inf
    assert report(sampled_gaussian(0.0, 0.5, 1), 1e-6).epsilon == math.inf


def test_infinity_is_null_in_json():
    assert report(dp_event.NonPrivateDpEvent(), 1e-6).to_json()["pld"] is None


def test_events_that_nobody_accounts_for_are_refused():
    nested = dp_event.PoissonSampledDpEvent(0.1, dp_event.PoissonSampledDpEvent(0.1, dp_event.GaussianDpEvent(1.0)))
    with pytest.raises(UserError, match="accounted"):
        report(nested, 1e-6)


def test_below_the_precision_of_pld_rdp_answers():
    costs = report(sampled_gaussian(1.0, 0.1, 10), 1e-14)
    assert (costs.pld, costs.accountant) == (math.inf, "rdp")


def test_tiny_sampling_rates_do_not_count_as_nothing():
    # Renyi divergences near 1e-18 drown in rounding. They must not come out as zero, however often they are repeated.
    assert epsilon_rdp(sampled_gaussian(1.0, 1e-9, 10**9), 1e-6)[0] > 0


def test_small_epsilons_get_a_finer_grid():
    # Here RDP, whose orders end at 63, says 0.3.
    assert 0 < epsilon_pld(sampled_gaussian(22537.8, 0.001, 100_000), 1e-8) < 1e-4


def _at_least(mu: float, count: int, delta: float) -> float:
    """A closed form below epsilon of `count` Gaussians sampled at 1 - 1e-6 / count, together N(mu, 1) against N(0, 1)."""
    rate = 1 - 1e-6 / count

    def excess(epsilon: float) -> float:
        shifted = mpmath.mpf(epsilon) - count * mpmath.log(rate)
        tails = mpmath.ncdf(mu / 2 - shifted / mu), mpmath.exp(shifted) * mpmath.ncdf(-mu / 2 - shifted / mu)
        return float(rate**count * (tails[0] - tails[1])) - delta

    return optimize.brentq(excess, 0, 200)


@pytest.mark.parametrize(("count", "mu", "delta"), [(10_000, 1.0, 1e-12), (10_000, 1.0, 1e-11), (100_000, 4.0, 1e-12)])
def test_pld_is_no_less_than_a_closed_form_at_tiny_deltas(count, mu, delta):
    event = sampled_gaussian(math.sqrt(count) / mu, 1 - 1e-6 / count, count)
    least = _at_least(mu, count, delta)
    assert report(event, delta).epsilon >= least
    raw = loss._epsilon_pld_at(event, delta)
    assert raw < least  # control: rounding does understate here


def test_pld_says_nothing_where_rounding_is_a_tenth_of_delta():
    event = sampled_gaussian(100.0, 0.5, 100_000)
    assert epsilon_pld(event, 1e-10) == math.inf
    assert epsilon_pld(event, 2e-10) < math.inf
    assert epsilon_pld(sampled_gaussian(1000.0, 1.0, 100_000), 1e-10) < math.inf  # composed in closed form


@pytest.mark.parametrize(("noise_multiplier", "delta"), [(2.0, 1e-6), (2.0, 0.1), (0.3, 1e-3)])
def test_laplace_against_its_formula(noise_multiplier, delta):
    """delta = 1 - exp((epsilon - 1/b) / 2) for one Laplace number of scale b that moves by 1."""
    scale = noise_multiplier / math.sqrt(2)
    epsilon = 1 / scale + 2 * math.log1p(-delta)
    costs = report(LaplaceNoise().event(noise_multiplier), delta)
    assert epsilon * (1 - 1e-9) <= costs.pld <= epsilon * 1.002
    assert costs.rdp >= costs.pld * (1 - 1e-9)


@pytest.mark.parametrize(("noise_multiplier", "rate", "delta"), [(2.0, 0.1, 1e-3), (0.7, 0.02, 1e-3), (1.0, 1.0, 1e-2)])
def test_one_laplace_query_against_numerical_integration(noise_multiplier, rate, delta):
    def without(x: float) -> float:
        return stats.laplace.pdf(x, 0, noise_multiplier / math.sqrt(2))

    def with_record(x: float) -> float:
        return (1 - rate) * without(x) + rate * without(x - 1)

    def exact_delta(epsilon: float) -> float:
        pairs = (with_record, without), (without, with_record)
        excesses = [lambda x, pair=pair: max(0.0, pair[0](x) - math.exp(epsilon) * pair[1](x)) for pair in pairs]
        edges = [*np.linspace(-30, 0, 40), *np.linspace(0, 1, 20)[1:], *np.linspace(1, 31, 40)[1:]]
        return max(sum(integrate.quad(one, *edge, epsabs=1e-13)[0] for edge in pairwise(edges)) for one in excesses)

    costs = report(LaplaceNoise().event(noise_multiplier, rate), delta)
    assert exact_delta(costs.pld) <= delta * (1 + 1e-6)
    assert exact_delta(costs.pld * 0.995) > delta  # and it is tight
    assert costs.accountant == "pld"
    assert costs.pld < costs.rdp < math.inf


def test_a_shift_of_many_laplace_coordinates_costs_no_more_than_of_one():
    """The hockey-stick divergence of two coordinates that move by 1/2 each, against one that moves by 1."""
    grid = np.linspace(-12, 13, 1501)
    density = stats.laplace.pdf(grid)
    moved, width = stats.laplace.pdf(grid - 0.5), grid[1] - grid[0]
    for epsilon in (0.0, 0.3, 0.7, 0.95):
        two = np.maximum(0, np.outer(moved, moved) - math.exp(epsilon) * np.outer(density, density)).sum() * width**2
        assert two <= 1 - math.exp((epsilon - 1) / 2) + 1e-4


def test_laplace_and_gaussian_charges_compose():
    mixed = compose(
        [LaplaceNoise().event(3.0, 0.1, 20), sampled_gaussian(2.0, 0.1, 20), LaplaceNoise().event(9.0, 1.0, 2)]
    )
    apart = [report(compose([base]), 1e-6).epsilon for base, _ in base_events(mixed)]
    costs = report(mixed, 1e-5)
    assert max(apart) < costs.pld < costs.rdp < math.inf


def test_sampled_laplace_noise_has_a_finite_cost_however_little_there_is_of_it():
    """Beyond what PLD computes the bound of pure privacy stands: about the pure epsilons' sum at most."""
    for noise_multiplier, rate, count in ((0.7, 0.5, 2000), (1e-3, 0.5, 3), (0.1, 1e-4, 10)):
        epsilon = report(LaplaceNoise().event(noise_multiplier, rate, count), 1e-5).epsilon
        assert 0 < epsilon <= count * math.sqrt(2) / noise_multiplier + 1
    assert report(LaplaceNoise().event(0.0, 0.5, 1), 1e-5).epsilon == math.inf


def test_fits_is_the_smaller_of_both():
    event = sampled_gaussian(1.8, 0.01, 1000)
    costs = report(event, 1e-7)
    assert costs.pld < costs.rdp
    assert fits(event, Budget(costs.pld * 1.0001, 1e-7))
    assert not fits(event, Budget(costs.pld * 0.9999, 1e-7))


def test_a_ledger_of_hundreds_composes_in_a_moment():
    rows = [sampled_gaussian(1.0 + 0.5 * (number % 4), 0.01, number + 1) for number in range(400)]
    start = time.process_time()
    report(compose(rows), 1e-6)
    assert time.process_time() - start < 5
