"""The training condition is as noisy as it says, and at most as noisy as a release; a mix is a mix."""

import numpy as np
import pytest
import torch
from scipy import stats

from dprdm.generation.conditioning import DenoisedCondition, drop, mix, train_condition, with_query
from dprdm.public.prior import fit_prior
from tests.fakes import public_knowledge, unit_rows
from tests.statistics import FALSE_ALARM, scale_is, shape_is_normal, uncorrelated

MAX = 0.25


def neighbours(count: int, k: int = 4, dim: int = 64) -> torch.Tensor:
    return torch.from_numpy(unit_rows(count * k, dim)).view(count, k, dim)


def drawn(count: int, is_aggregated: bool = True, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise in units of the standard deviation that came with it, and those deviations."""
    given = neighbours(count)
    condition, noise_std = train_condition(given, MAX, is_aggregated, torch.Generator().manual_seed(seed))
    clean = given.mean(1, keepdim=True) if is_aggregated else given
    return ((condition - clean) / noise_std[:, None, None]).numpy(), noise_std.numpy()


@pytest.mark.parametrize("is_aggregated", [True, False])
def test_noise_is_normal_with_the_deviation_that_is_handed_on(is_aggregated):
    noise, _ = drawn(500, is_aggregated)
    assert scale_is(1, noise) and shape_is_normal(noise)
    assert uncorrelated(noise[:250], noise[250:])


def test_negative_control_a_wrong_deviation_is_caught():
    noise, _ = drawn(500)
    assert not scale_is(1, 1.03 * noise)
    assert not uncorrelated(noise[:250], noise[250:] + noise[:250])


def uniform(values: np.ndarray) -> bool:
    return bool(stats.kstest(values, "uniform").pvalue > FALSE_ALARM)


def test_deviations_are_uniform_up_to_the_largest_and_one_an_image():
    _, noise_std = drawn(2000)
    assert noise_std.shape == (2000,) and noise_std.min() > 0 and noise_std.max() <= MAX
    assert uniform(noise_std / MAX)


def test_negative_control_another_distribution_is_caught():
    _, noise_std = drawn(2000)
    assert not uniform((noise_std / MAX) ** 1.3)


def test_each_neighbour_is_kept_where_they_are_not_averaged():
    condition, _ = train_condition(neighbours(3), 1e-9, is_aggregated=False)
    assert torch.allclose(condition, neighbours(3), atol=1e-6)


def test_missing_neighbours_count_as_zero():
    given = neighbours(3)
    given[:, 2:] = 0
    condition, _ = train_condition(given, 1e-9)
    assert torch.allclose(condition[:, 0], given[:, :2].sum(1) / 4, atol=1e-6)


def test_a_generator_makes_it_repeatable():
    first, second, other = (drawn(10, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.allclose(first, other)


@pytest.mark.parametrize(("weight", "part"), [(1.0, (1, 0)), (0.0, (0, 1)), (0.25, (0.25, 0.75))])
def test_a_mix_is_the_weighted_sum(weight, part):
    released, beside = unit_rows(5, 8, seed=1), unit_rows(5, 8, seed=2)
    assert np.allclose(mix(released, beside, weight), part[0] * released + part[1] * beside)


def test_the_query_is_one_more_vector_to_attend_to_and_zero_where_there_is_none():
    condition, queries = neighbours(3), torch.from_numpy(unit_rows(3, 64, seed=5)).double()
    attended = with_query(condition, queries)
    assert torch.equal(attended[:, :-1], condition) and torch.equal(attended[:, -1], queries.to(condition))
    assert not with_query(condition, None)[:, -1].any() and attended.dtype == condition.dtype


def test_queries_are_withheld_as_often_as_asked_for():
    """Of 20,000, a share of 0.3 with a standard error of 0.0032: 5 of them on either side."""
    queries = torch.from_numpy(unit_rows(20_000, 8, seed=5))
    kept = drop(queries, 0.3, torch.Generator().manual_seed(0))
    withheld = (kept == 0).all(1)
    assert withheld.float().mean().item() == pytest.approx(0.3, abs=0.0162)
    assert torch.equal(kept[~withheld], queries[~withheld])
    assert torch.equal(drop(queries, 0.0), queries)


def denoised(tmp_path, share: float, count: int = 600):
    """Neighbours and captions of public rows; conditions with and without denoising, and what the network is told."""
    known = public_knowledge(tmp_path, count, 64)
    prior = fit_prior(known, 1)
    given = torch.from_numpy(np.stack([known.rows, known.rows], axis=1))
    centre = torch.from_numpy(np.tile(known.rows.mean(axis=0), (count, 1)))
    captioned = known.caption_of >= 0
    centre[captioned] = torch.from_numpy(prior.centre(known.queries, 1)).float()[known.caption_of[captioned]]
    plain = train_condition(given, MAX, True, torch.Generator().manual_seed(0))
    applied = DenoisedCondition(prior, share).apply(given, centre, *plain, torch.Generator().manual_seed(1))
    return given.mean(1), plain, applied


def test_a_share_of_the_conditions_is_denoised_and_the_others_are_as_they_were(tmp_path):
    _, (plain, plain_std), (mixed, mixed_std) = denoised(tmp_path, 0.5)
    is_same = (plain == mixed).all(dim=(1, 2)) if plain.dim() == 3 else None
    assert 200 < int(is_same.sum()) < 400
    assert torch.equal(plain_std[is_same], mixed_std[is_same]) and not torch.equal(plain_std, mixed_std)


def test_what_the_network_is_told_is_the_error_that_a_denoised_condition_has(tmp_path):
    means, _, (condition, noise_std) = denoised(tmp_path, 1.0)
    squares = ((condition[:, 0] - means) ** 2).mean(1)
    assert squares.mean().item() == pytest.approx((noise_std**2).mean().item(), rel=0.2)
    order = noise_std.argsort()
    assert squares[order[:200]].mean() < 0.5 * squares[order[-200:]].mean()  # it knows which are worse
