"""Measure a set of garments for the demo's table, against public images alone, so that it costs no budget."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from dprdm.demo.cutting import garment_brightness
from dprdm.diffusion.shapes import Pixels
from dprdm.metrics.classifier import SmallClassifier
from dprdm.metrics.coverage import coverage, recall
from dprdm.metrics.features import FeatureExtractor
from dprdm.metrics.frechet import FrechetDistance
from dprdm.metrics.resampling import NORMAL_95


class Estimate(NamedTuple):
    """A value and half the width of its 95% interval."""

    value: float
    half_width: float

    def shown(self, digits: int, scale: float = 1.0) -> str:
        """Return the cell of a table."""
        return f"{scale * self.value:.{digits}f} ± {scale * self.half_width:.{digits}f}"


@dataclass(frozen=True)
class Garments:
    """Images and the class that each should show, or shows.

    Args:
        images: grey, 28 x 28.
        labels: position of the class among the demo's.
    """

    images: Pixels
    labels: Int[Tensor, "image"]


@dataclass(frozen=True)
class Measures:
    """One row of the table.

    Args:
        count: images measured.
        fid_shop: Frechet distance to held-out garments that the shop could have owned.
        fid_world: to held-out garments of all kinds.
        class_found: share of images in which the classifier sees the class of the prompt, in [0, 1].
        brightness: mean over images of the mean garment pixel, in [0, 255].
        recall: share of the shop's held-out garments that look like something drawn (k = 3), in [0, 1].
        coverage: share of them that have something drawn nearby (k = 5), in [0, 1].
    """

    count: int
    fid_shop: Estimate
    fid_world: Estimate
    class_found: Estimate
    brightness: Estimate
    recall: float
    coverage: float

    def cells(self) -> list[str]:
        """Return the cells of a table: FID to shop and to world, class found in percent, brightness, recall, coverage."""
        percent = f"{self.class_found.shown(0, 100)} %"
        distances = self.fid_shop.shown(1), self.fid_world.shown(1)
        return [*distances, percent, self.brightness.shown(0), f"{self.recall:.2f}", f"{self.coverage:.2f}"]


def measure(
    drawn: Garments,
    shop: UInt8[Tensor, "shop 1 height width"],
    world: UInt8[Tensor, "world 1 height width"],
    classifier: SmallClassifier,
    extractor: FeatureExtractor,
    generator: torch.Generator,
    resamples: int = 100,
) -> Measures:
    """Compare what was drawn with held-out garments.

    Args:
        drawn: images to judge, with the classes of their prompts.
        shop: held-out images that the private shop could have owned; not the private ones.
        world: held-out images of all kinds.
        classifier: judges the class.
        extractor: its features make the distances.
        generator: of the bootstrap.
        resamples: of the bootstrap of the Frechet distances.
    """
    features, of_shop, of_world = (extractor.features(images) for images in (drawn.images, shop, world))
    return Measures(
        count=len(drawn.images),
        fid_shop=_frechet(of_shop, features, drawn.labels, generator, resamples),
        fid_world=_frechet(of_world, features, drawn.labels, generator, resamples),
        class_found=_mean(classifier.classify(drawn.images) == drawn.labels),
        brightness=_mean(torch.from_numpy(garment_brightness(drawn.images[:, 0].numpy()))),
        recall=recall(of_shop, features),
        coverage=coverage(of_shop, features),
    )


def _frechet(real: Tensor, drawn: Tensor, labels: Tensor, generator: torch.Generator, resamples: int) -> Estimate:
    distance = FrechetDistance(real)
    return Estimate(distance(drawn), NORMAL_95 * distance.spread(drawn, labels, generator, resamples))


def _mean(values: Tensor) -> Estimate:
    values = values.double()
    return Estimate(values.mean().item(), NORMAL_95 * (values.var(correction=0) / len(values)).sqrt().item())
