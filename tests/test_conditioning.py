"""The training condition is as noisy as it says, and at most as noisy as a release; a mix is a mix."""

import numpy as np
import pytest
import torch
from scipy import stats

from dprdm.conditioning import mix, train_condition
from tests.fakes import unit_rows
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
