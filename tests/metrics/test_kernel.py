"""KID against torchmetrics' kernel distance, CMMD against scikit-learn's kernel; and against loops over resamples."""

import pytest
import torch
from sklearn.metrics.pairwise import rbf_kernel
from torchmetrics.image.kid import poly_mmd

from dprdm.errors import UserError
from dprdm.metrics.kernel import ROWS, CubicDistance, GaussianDistance
from dprdm.metrics.resampling import bootstraps


def points(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("count", [60, ROWS + 60])  # one block of the kernel matrix, and two
def test_kid_is_torchmetrics(shift, count):
    real, drawn = points(count, 1), points(count, 2, shift)
    theirs = float(poly_mmd(real.double(), drawn.double(), degree=3, gamma=None, coef=1.0))  # wants as many of each
    assert CubicDistance(real)(drawn) == pytest.approx(theirs, rel=1e-9)


def test_cmmd_is_the_papers_definition():
    real, drawn = (torch.nn.functional.normalize(points(40 + seed, seed)) for seed in (1, 2))
    gamma = 1 / (2 * 10**2)
    within = rbf_kernel(real, gamma=gamma).mean() + rbf_kernel(drawn, gamma=gamma).mean()
    theirs = 1000 * (within - 2 * rbf_kernel(real, drawn, gamma=gamma).mean())
    assert GaussianDistance(real)(drawn) == pytest.approx(theirs, rel=1e-3)


def test_two_halves_of_one_set_are_at_no_distance():
    """Control: the unbiased estimate is zero within its own spread; a shift is far outside of it."""
    real, half, moved = points(400, 1), points(400, 2), points(400, 3, 0.5)
    distance, strata = CubicDistance(real), torch.zeros(400, dtype=torch.long)
    spread = distance.interval(half, strata, torch.Generator().manual_seed(0))[1] - distance(half)
    assert abs(distance(half)) < 5 * spread  # 9.8 standard deviations of the drawn half alone
    assert distance(moved) > 20 * abs(distance(half))
    low, high = distance.interval(moved, strata, torch.Generator().manual_seed(0))
    assert low < distance(moved) < high


def test_the_interval_is_that_of_a_loop_without_copies():
    real, drawn = points(30, 1), points(20, 2, 0.3)
    distance, strata = CubicDistance(real), torch.arange(20) % 4
    found = []
    for draw in bootstraps(strata, torch.Generator().manual_seed(3), 7):
        pairs = [(i, j) for i in draw.tolist() for j in draw.tolist() if i != j]
        first, second = (drawn[torch.tensor(side)].double() for side in zip(*pairs, strict=True))
        within = (((first * second).sum(1) / 8 + 1) ** 3).mean()
        across = ((real.double() @ drawn[draw].double().T / 8 + 1) ** 3).mean()
        found.append(within - 2 * across)
    half_width = 1.96 * torch.stack(found).std().item()
    low, high = distance.interval(drawn, strata, torch.Generator().manual_seed(3), 7)
    assert (high - low) / 2 == pytest.approx(half_width, rel=1e-9)


def test_one_image_is_refused():
    with pytest.raises(UserError, match="at least two images"):
        CubicDistance(points(1, 1))
