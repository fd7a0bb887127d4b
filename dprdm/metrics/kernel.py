"""Kernel distances between two sets of features: KID with a cubic kernel, CMMD with a Gaussian one."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dprdm.errors import UserError
from dprdm.metrics.comparison import Comparison, Need, Reference
from dprdm.metrics.features import DrawnFeatures, RealFeatures
from dprdm.metrics.metric import Interval, Metric, Score
from dprdm.metrics.resampling import NORMAL_95, bootstraps
from dprdm.runs.quantities import LOWER

ROWS = 1024  # of the kernel matrix at once


class KernelDistance(ABC):
    """Squared maximum mean discrepancy to a fixed set of real features, in float64, over all pairs at once.

    Args:
        real: features of at least two real images.

    Raises:
        UserError: if there are fewer.
    """

    scale: float
    # Whether a point's kernel with itself is left out, which makes the estimate unbiased: it may then fall below zero.
    is_unbiased: bool

    def __init__(self, real: RealFeatures) -> None:
        self.real = real.double()
        _require_two(real)
        self.within_real = self._within(self.real)

    @abstractmethod
    def kernel(self, first: RealFeatures, second: DrawnFeatures) -> Float[Tensor, "real drawn"]:
        """Return the kernel of every pair."""

    def __call__(self, generated: DrawnFeatures) -> float:
        """Return the distance of `generated`, features of at least two images."""
        _require_two(generated)
        drawn = generated.double()
        return self.scale * (self.within_real + self._within(drawn) - 2 * self._towards_real(drawn).mean().item())

    def interval(
        self, generated: DrawnFeatures, strata: Int[Tensor, "drawn"], generator: torch.Generator, resamples: int = 100
    ) -> tuple[float, float]:
        """Return the 95% interval by the spread over bootstrap resamples of `generated`, within its strata.

        A resample weighs every image by how often it was drawn; pairs of an image with its own copy are left out, since a
        copy is nearer than any image that could have been drawn.
        """
        drawn, count = generated.double(), len(generated)
        draws = bootstraps(strata, generator, resamples)
        weights = torch.stack([torch.bincount(draw, minlength=count).double() for draw in draws], dim=1)
        pairs, diagonal = torch.zeros_like(weights), torch.zeros(count, dtype=torch.float64)
        for start in range(0, count, ROWS):
            block = self.kernel(drawn[start : start + ROWS], drawn)
            diagonal[start : start + ROWS] = block.diagonal(start)
            pairs[start : start + ROWS] = block @ weights
        within = (weights * pairs).sum(0) - (weights**2 * diagonal[:, None]).sum(0)
        within = within / (count**2 - (weights**2).sum(0))
        across = (weights * self._towards_real(drawn)[:, None]).sum(0) / count
        spread = NORMAL_95 * self.scale * (within - 2 * across).std().item()
        value = self(generated)
        return value - spread, value + spread

    def _within(self, points: RealFeatures) -> float:
        count, total = len(points), 0.0
        for start in range(0, count, ROWS):
            block = self.kernel(points[start : start + ROWS], points)
            total += block.sum().item() - (block.diagonal(start).sum().item() if self.is_unbiased else 0.0)
        return total / (count * (count - 1) if self.is_unbiased else count**2)

    def _towards_real(self, drawn: DrawnFeatures) -> Float[Tensor, "drawn"]:
        parts = (self.kernel(drawn[start : start + ROWS], self.real) for start in range(0, len(drawn), ROWS))
        return torch.cat([part.mean(1) for part in parts])


class CubicDistance(KernelDistance):
    """KID: k(x, y) = (x.y / d + 1)^3, unbiased. Over all pairs: the mean over subsets, without their noise.

    Source: Binkowski et al. 2018.
    """

    scale, is_unbiased = 1.0, True

    def kernel(self, first: RealFeatures, second: DrawnFeatures) -> Float[Tensor, "real drawn"]:
        """Return the kernel of every pair."""
        return (first @ second.T / first.shape[1] + 1) ** 3


class GaussianDistance(KernelDistance):
    """CMMD: k(x, y) = exp(-|x - y|^2 / (2 * 10^2)) on CLIP's unit vectors, times 1000, as its authors compute it.

    Source: Jayasumana et al. 2024.
    """

    scale, is_unbiased = 1000.0, False
    sigma = 10.0

    def kernel(self, first: RealFeatures, second: DrawnFeatures) -> Float[Tensor, "real drawn"]:
        """Return the kernel of every pair."""
        squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
        return torch.exp(-squares / (2 * self.sigma**2))


def _require_two(features: RealFeatures) -> None:
    if len(features) < 2:
        raise UserError(f"Expected at least two images for a kernel distance, got {len(features)}.")


def cubic_distance_from(reference: Reference) -> CubicDistance:
    """Return KID from the real images."""
    return CubicDistance(reference.features)


def gaussian_distance_from(reference: Reference) -> GaussianDistance:
    """Return CMMD from the real images."""
    return GaussianDistance(reference.vectors)


def kid(comparison: Comparison) -> Score:
    """Return KID of the generated images' features."""
    return Score(comparison.reference.once(cubic_distance_from)(comparison.features), comparison.features_provenance())


def cmmd(comparison: Comparison) -> Score:
    """Return CMMD of the generated images' vectors."""
    return Score(comparison.reference.once(gaussian_distance_from)(comparison.vectors), comparison.encoder_provenance())


def kid_interval(comparison: Comparison, _value: float) -> Interval:
    """Return the 95% interval of KID."""
    distance, resamples = comparison.reference.once(cubic_distance_from), comparison.resamples
    return distance.interval(comparison.features, comparison.strata, comparison.generator(), resamples)


def cmmd_interval(comparison: Comparison, _value: float) -> Interval:
    """Return the 95% interval of CMMD."""
    distance, resamples = comparison.reference.once(gaussian_distance_from), comparison.resamples
    return distance.interval(comparison.vectors, comparison.strata, comparison.generator(), resamples)


KID = Metric(
    name="kid",
    label="KID",
    better=LOWER,
    description="squared MMD with a cubic kernel; unbiased, so near and even below 0 for images of the same kind. Over all "
    "pairs: the mean over the usual subsets without their noise",
    digits=2,
    scale=1000.0,
    needs=(Need.FEATURES,),
    compute=kid,
    interval=kid_interval,
)
CMMD = Metric(
    name="cmmd",
    label="CMMD",
    better=LOWER,
    description="squared MMD of CLIP vectors, Gaussian kernel with sigma 10, times 1000",
    digits=2,
    needs=(Need.ENCODER,),
    compute=cmmd,
    interval=cmmd_interval,
)
