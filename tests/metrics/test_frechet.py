"""The Frechet distance against the textbook formula by another library, and where it is known."""

import numpy as np
import pytest
import scipy.linalg
import torch

from dprdm.errors import UserError
from dprdm.metrics.frechet import FrechetDistance


def points(count: int, dim: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dim, dim, generator=torch.Generator().manual_seed(100)) / dim**0.5
    return torch.randn(count, dim, generator=generator) @ mix * scale + shift


def oracle(real: np.ndarray, generated: np.ndarray) -> float:
    """Heusel et al. 2017, equation 6, by scipy."""
    first, second = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    return ((real.mean(0) - generated.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)


@pytest.mark.parametrize(("count", "dim"), [(50, 3), (200, 16), (300, 64)])
def test_agrees_with_scipy(count, dim):
    real, generated = points(count, dim, 1), points(count + 7, dim, 2, scale=1.3, shift=0.2)
    expected = oracle(real.double().numpy(), generated.double().numpy())
    assert FrechetDistance(real)(generated) == pytest.approx(expected, rel=1e-8)


def test_of_a_set_to_itself_is_zero():
    real = points(200, 16, 1)
    assert FrechetDistance(real)(real) == pytest.approx(0, abs=1e-6)


def test_of_a_shift_is_its_square():
    real = points(200, 16, 1)
    assert FrechetDistance(real)(real + 0.5) == pytest.approx(16 * 0.25, rel=1e-5)


def test_is_computed_in_float64():
    """A set far from the origin: in float32 the covariance would drown in the mean."""
    real, generated = points(100, 4, 1).double() + 1e4, points(100, 4, 2).double() + 1e4
    assert FrechetDistance(real)(generated) == pytest.approx(oracle(real.numpy(), generated.numpy()), rel=1e-4)


def test_the_real_side_stays_between_calls():
    distance = FrechetDistance(points(100, 8, 1))
    first = distance(points(50, 8, 2))
    distance(points(50, 8, 3, shift=1))
    assert distance(points(50, 8, 2)) == first


def test_spread_shrinks_with_more_images_and_follows_its_generator():
    distance = FrechetDistance(points(500, 4, 1))

    def spread(count: int) -> float:
        strata, generator = torch.zeros(count, dtype=torch.long), torch.Generator().manual_seed(0)
        return distance.spread(points(count, 4, 2, shift=0.5), strata, generator, resamples=50)

    assert 0 < spread(800) < spread(50)
    assert spread(50) == spread(50)


def test_spread_is_that_of_drawing_the_images_anew():
    """Against fresh samples of two prompts that lie far apart; leaving the prompts out would give several times as much."""
    distance, strata = FrechetDistance(points(2000, 4, 1)), torch.arange(400) % 2

    def drawn(seed: int) -> torch.Tensor:
        return points(400, 4, seed) + 4 * strata[:, None]

    anew = torch.tensor([distance(drawn(seed)) for seed in range(2, 202)]).std()
    generator = torch.Generator().manual_seed(0)
    assert distance.spread(drawn(2), strata, generator, 200) == pytest.approx(anew.item(), rel=0.3)
    assert distance.spread(drawn(2), torch.zeros_like(strata), generator, 200) > 2 * anew.item()


def test_one_image_has_no_covariance():
    with pytest.raises(UserError, match="at least two images"):
        FrechetDistance(points(1, 4, 1))
    with pytest.raises(UserError, match="at least two images"):
        FrechetDistance(points(9, 4, 1))(points(1, 4, 1))


@pytest.mark.parametrize("count", [5, 60])  # fewer images than features, and more
def test_the_quick_way_of_resamples_gives_the_same_distance(count):
    generator = torch.Generator().manual_seed(0)
    real, drawn = torch.randn(50, 12, generator=generator), 0.5 + torch.randn(count, 12, generator=generator)
    distance = FrechetDistance(real)
    assert distance._quickly(drawn) == pytest.approx(distance(drawn), rel=1e-6)
