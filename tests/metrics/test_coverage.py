"""Precision, recall, density and coverage against loops that follow the papers' definitions."""

import math

import pytest
import torch

from dprdm.errors import UserError
from dprdm.metrics.coverage import coverage, density, precision, radii, recall


def points(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed)) + shift


def loop_radius(cloud: list[list[float]], index: int, k: int) -> float:
    others = (math.dist(cloud[index], point) for other, point in enumerate(cloud) if other != index)
    return sorted(others)[k - 1]


def loop_inside(centres: torch.Tensor, cloud: torch.Tensor, k: int) -> list[list[bool]]:
    """inside[c][p]: point p is no farther from centre c than c's k-th nearest other centre."""
    first, second = centres.double().tolist(), cloud.double().tolist()
    reach = [loop_radius(first, index, k) for index in range(len(first))]
    return [
        [math.dist(centre, point) <= radius for point in second] for centre, radius in zip(first, reach, strict=True)
    ]


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 1.0, 100.0])
def test_agrees_with_loops(k, shift):
    real, generated = points(40, 1), points(25, 2, shift)
    by_real, by_generated = loop_inside(real, generated, k), loop_inside(generated, real, k)
    inside_some_real = [any(row[p] for row in by_real) for p in range(25)]
    inside_some_generated = [any(row[p] for row in by_generated) for p in range(40)]
    assert precision(real, generated, k) == pytest.approx(sum(inside_some_real) / 25)
    assert recall(real, generated, k) == pytest.approx(sum(inside_some_generated) / 40)
    assert density(real, generated, k) == pytest.approx(sum(map(sum, by_real)) / (k * 25))
    assert coverage(real, generated, k) == pytest.approx(sum(map(any, by_real)) / 40)


def test_a_copy_of_the_real_set_scores_full():
    real = points(60, 1)
    assert precision(real, real) == recall(real, real) == coverage(real, real) == 1
    assert density(real, real) >= 1


def test_one_image_drawn_again_and_again_is_precise_and_covers_little():
    real = points(60, 1)
    generated = real[:1].expand(60, 3) + 1e-6 * points(60, 2)
    assert precision(real, generated) == 1
    assert recall(real, generated) < 0.05 and coverage(real, generated) < 0.3


def test_radii_leave_the_point_itself_out():
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert radii(line, 1).tolist() == [1, 1, 2, 4]
    assert radii(line, 3).tolist() == [7, 6, 4, 7]


def test_too_few_points_are_refused():
    with pytest.raises(UserError, match=r"Expected points=3"):
        radii(points(3, 1), 3)
