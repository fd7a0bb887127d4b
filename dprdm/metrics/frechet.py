"""Frechet distance between two sets of features: FID where the features are Inception's."""

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from dprdm.errors import UserError
from dprdm.metrics.comparison import Comparison, Need, Reference
from dprdm.metrics.features import Features
from dprdm.metrics.metric import Interval, Metric, Score
from dprdm.metrics.resampling import NORMAL_95, bootstraps
from dprdm.runs.quantities import LOWER


class FrechetDistance:
    """Distance to a fixed set of real features, computed by torchmetrics in float64.

    d^2 = |mu - mu'|^2 + tr(S + S' - 2 (S S')^(1/2)), for the means mu and the covariances S of the two sets.

    The estimate is biased upwards, the more so the fewer images there are: compare values of equal counts only, and put
    the distance between two halves of the real images beside them.

    Args:
        real: features of at least two real images.

    Raises:
        UserError: if there are fewer.
    Source: Heusel et al. 2017.
    """

    def __init__(self, real: Features) -> None:
        _require_two(real)
        self.metric = FrechetInceptionDistance(_FeaturesAsInput(real.shape[1]), reset_real_features=False)
        self.metric.update(real.double(), real=True)
        self.real_mean, self.real_root = (
            real.double().mean(0),
            _root(torch.cov(real.double().T).reshape(real.shape[1], -1)),
        )

    def __call__(self, generated: Features) -> float:
        """Return the distance of `generated`, features of at least two images."""
        _require_two(generated)
        self.metric.reset()
        self.metric.update(generated.double(), real=False)
        return float(self.metric.compute())

    def spread(
        self, generated: Features, strata: Int[Tensor, "image"], generator: torch.Generator, resamples: int = 100
    ) -> float:
        """Return the standard deviation of the distance over bootstrap resamples of `generated`.

        A resample misses a third of the images, so its distance is biased further than the sample's own: only the spread
        of these values is used, never their level.

        Args:
            generated: features of at least two images.
            strata: which prompt each image was drawn for. Images are redrawn within their prompt: how many there are of
                each was not left to chance.
            generator: of the resamples.
            resamples: how many.
        """
        draws = bootstraps(strata, generator, resamples)
        return float(torch.tensor([self._quickly(generated[draw]) for draw in draws], dtype=torch.float64).std())

    def _quickly(self, generated: Features) -> float:
        """The same distance by eigenvalues of a symmetric matrix, as small as the number of images allows.

        tr (S S')^(1/2) is the sum of the singular values of S^(1/2) X', for X' the centred images over (n - 1)^(1/2).
        """
        drawn = generated.double()
        mean, centred = drawn.mean(0), (drawn - drawn.mean(0)) / (len(drawn) - 1) ** 0.5
        turned = centred @ self.real_root
        gram = turned @ turned.T if len(turned) < turned.shape[1] else turned.T @ turned
        shared = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().sum()
        between = ((mean - self.real_mean) ** 2).sum()
        return float(between + self.real_root.square().sum() + centred.square().sum() - 2 * shared)


class _FeaturesAsInput(nn.Module):
    """Stands where torchmetrics wants a feature network: the features are extracted already, once for all metrics."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def _root(covariance: Tensor) -> Tensor:
    """The symmetric square root of a positive matrix."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


def _require_two(features: Features) -> None:
    if len(features) < 2:
        raise UserError(f"Expected at least two images for a Frechet distance, got {len(features)}.")


def distance_from(reference: Reference) -> FrechetDistance:
    """Return the distance from the real images' features."""
    return FrechetDistance(reference.features)


def fid(comparison: Comparison) -> Score:
    """Return the Frechet distance of the generated images' features."""
    distance = comparison.reference.once(distance_from)
    return Score(distance(comparison.features), comparison.features_provenance())


def fid_interval(comparison: Comparison, value: float) -> Interval:
    """Return the value and 1.96 standard deviations of bootstrap resamples to either side, never below zero."""
    distance = comparison.reference.once(distance_from)
    spread = distance.spread(comparison.features, comparison.strata, comparison.generator(), comparison.resamples)
    return max(0.0, value - NORMAL_95 * spread), value + NORMAL_95 * spread


FID = Metric(
    name="fid",
    label="FID",
    better=LOWER,
    description="distance of two Gaussians fitted to the features; biased upwards, the more the fewer images",
    digits=1,
    needs=(Need.FEATURES,),
    compute=fid,
    interval=fid_interval,
)
