"""Sets of images against real ones: one row of numbers a set, each with its interval and its provenance."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dprdm import check
from dprdm.diffusion.shapes import Pixels
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.metrics.features import FeatureExtractor, Features, provenance
from dprdm.metrics.frechet import FrechetDistance
from dprdm.metrics.judge import Judge, labels_of
from dprdm.metrics.kernel import CubicDistance, GaussianDistance, KernelDistance
from dprdm.metrics.neighbourhoods import Neighbourhoods, RealNeighbours
from dprdm.metrics.networks import clip_vectors
from dprdm.metrics.resampling import NORMAL_95, halves, mean_interval, spread_interval
from dprdm.metrics.utility import PROVENANCE as UTILITY
from dprdm.metrics.utility import utility
from dprdm.runs.provenance import Provenance
from dprdm.runs.results import Measurement, Row, Setting, Status
from dprdm.runs.run_reader import RenderedRun

OF_FEATURES = ("fid", "kid", "precision", "recall", "density", "coverage")
OF_CLIP = ("clip_score", "cmmd")
METRICS = (*OF_FEATURES, *OF_CLIP, "class_found", "accuracy")
# Metrics that look at no real image.
WITHOUT_REAL = ("clip_score", "class_found")
# Images that PRDC needs: a half of them must hold a point and its five nearest others.
LEAST = 12
# Below so many images, distances between sets are known to be far off.
FEW = 5_000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What images are measured against, and how. What is known of the real images is computed once and kept.

    Args:
        images: real ones.
        labels: the class of each real image, or None; `accuracy` needs them.
        class_names: by position; `accuracy` takes prompts for classes.
        extractor: its features make FID, KID, precision, recall, density and coverage.
        metrics: some of `METRICS`.
        resamples: of the bootstrap; 0: no intervals.
        reads_private: whether the real images are private.
        encoder: CLIPScore and CMMD are made with it.
        judge: says which class a generated image shows, for `class_found`.
        conversion: what was done to the real images' size and colours, for the provenance; empty if nothing.
        seed: of the bootstrap and of the classifier that `accuracy` trains; public.

    Raises:
        UserError: if there is no such metric, or what one needs is missing.
    """

    images: Pixels
    labels: Int[Tensor, "image"] | None
    class_names: tuple[str, ...]
    extractor: FeatureExtractor
    metrics: tuple[str, ...] = OF_FEATURES
    resamples: int = 100
    reads_private: bool = False
    encoder: Encoder | None = None
    judge: Judge | None = None
    conversion: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        require_asked(self.metrics, self.resamples, self.encoder, self.judge)
        if "accuracy" in self.metrics and self.labels is None:
            raise UserError("Expected labelled real images for accuracy. Give some, or leave accuracy out.")

    def row(self, run: RenderedRun, name: str) -> Row:
        """The row of a rendered run."""
        return self.row_of_images(name, torch.from_numpy(run.images()), run.prompts, run.status, run.settings)

    def row_of_images(
        self, name: str, images: Pixels, prompts: Sequence[str], status: Status, settings: dict[str, Setting]
    ) -> Row:
        """The row of any images, such as real ones, with what each was asked to show."""
        return Row(name, status, settings, tuple(Measuring(self, images, tuple(prompts)).all()))

    @functools.cached_property
    def real_features(self) -> Features:
        """Of the extractor."""
        return self.extractor.features(self.images)

    @functools.cached_property
    def frechet(self) -> FrechetDistance:
        """From the real images."""
        return FrechetDistance(self.real_features)

    @functools.cached_property
    def cubic(self) -> CubicDistance:
        """KID from the real images."""
        return CubicDistance(self.real_features)

    @functools.cached_property
    def neighbours(self) -> RealNeighbours:
        """The real images' features by distance."""
        check.at_least(LEAST, real_images=len(self.images))
        return RealNeighbours(self.real_features)

    @functools.cached_property
    def gaussian(self) -> GaussianDistance:
        """CMMD from the real images."""
        assert self.encoder is not None  # checked at construction
        return GaussianDistance(torch.from_numpy(clip_vectors(self.encoder, self.images)))

    def provenance(self, metric: str, n_generated: int) -> Provenance:
        """How this metric's numbers are made, for so many generated images."""
        made = self._provenance(metric, n_generated)
        resize = "; ".join(part for part in (self.conversion, made.resize) if part)
        return made if metric in WITHOUT_REAL else replace(made, resize=resize)

    def _provenance(self, metric: str, n_generated: int) -> Provenance:
        if metric in OF_FEATURES:
            return provenance(self.extractor, len(self.images), n_generated, self.reads_private)
        if metric == "accuracy":
            return Provenance(UTILITY, "", "none", len(self.images), n_generated, self.reads_private)
        if metric == "class_found":
            assert self.judge is not None  # checked at construction
            return Provenance(self.judge.name, self.judge.weights_sha256, "", 0, n_generated, False)
        assert self.encoder is not None
        identity = self.encoder.identity
        of_real = (len(self.images), n_generated, self.reads_private) if metric == "cmmd" else (0, n_generated, False)
        return Provenance(f"CLIP {identity['model']}", identity["weights_sha256"], "the model's own", *of_real)


class Measuring:
    """One set of images, measured: what several numbers share is computed once.

    Args:
        evaluation: what it is measured against.
        images: the set.
        prompts: what each was asked to show.
    """

    def __init__(self, evaluation: Evaluation, images: Pixels, prompts: tuple[str, ...]) -> None:
        if len(prompts) != len(images) or not prompts:
            raise UserError(f"Expected a prompt for each image; got {len(images)} images and {len(prompts)} prompts.")
        self.evaluation, self.images, self.prompts = evaluation, images, prompts
        places = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompts))}
        self.strata = torch.tensor([places[prompt] for prompt in prompts])
        self.resamples = evaluation.resamples

    def all(self) -> list[Measurement]:
        """Every number that was asked for, in that order."""
        return [self._measurement(metric) for metric in self.evaluation.metrics]

    def _measurement(self, metric: str) -> Measurement:
        own: dict[str, Callable[[], Estimated]] = {
            "fid": self._fid,
            "kid": lambda: self._kernel(self.evaluation.cubic, self.features),
            "cmmd": lambda: self._kernel(self.evaluation.gaussian, self.vectors),
            "clip_score": self._clip_score,
            "class_found": self._class_found,
            "accuracy": self._accuracy,
        }
        value, interval = own[metric]() if metric in own else self._coverage(metric)
        low, high = interval or (None, None)
        return Measurement(metric, value, self.evaluation.provenance(metric, len(self.images)), low, high)

    @functools.cached_property
    def features(self) -> Features:
        """Of the extractor."""
        return self.evaluation.extractor.features(self.images)

    @functools.cached_property
    def vectors(self) -> Float[Tensor, "image dim"]:
        """Of the encoder."""
        assert self.evaluation.encoder is not None  # checked at construction
        return torch.from_numpy(clip_vectors(self.evaluation.encoder, self.images))

    @functools.cached_property
    def neighbourhoods(self) -> Neighbourhoods:
        """Of the features, among the real ones."""
        check.at_least(LEAST, images=len(self.images))
        return Neighbourhoods(self.evaluation.neighbours, self.features)

    def _generator(self) -> torch.Generator:
        """Every metric draws anew, so that none depends on which others were asked for."""
        return torch.Generator().manual_seed(self.evaluation.seed)

    def _fid(self) -> "Estimated":
        distance = self.evaluation.frechet
        value = distance(self.features)
        if not self.resamples:
            return value, None
        width = NORMAL_95 * distance.spread(self.features, self.strata, self._generator(), self.resamples)
        return value, (max(0.0, value - width), value + width)

    def _kernel(self, distance: KernelDistance, features: Features) -> "Estimated":
        if not self.resamples:
            return distance(features), None
        return distance(features), distance.interval(features, self.strata, self._generator(), self.resamples)

    def _coverage(self, metric: str) -> "Estimated":
        near = self.neighbourhoods
        value = near.value(metric)
        if not self.resamples:
            return value, None
        draws = halves(self.strata, self._generator(), self.resamples)
        low, high = spread_interval(value, lambda draw: near.value(metric, draw), draws)
        return value, (low, high if metric == "density" else min(1.0, high))

    def _clip_score(self) -> "Estimated":
        assert self.evaluation.encoder is not None
        asked = torch.from_numpy(self.evaluation.encoder.texts(self.prompts))
        return self._mean(100 * (self.vectors * asked).sum(1).clamp(min=0))

    def _class_found(self) -> "Estimated":
        judge = self.evaluation.judge
        assert judge is not None
        asked = labels_of(self.prompts, judge.class_names, "class_found")
        return self._mean((judge.classify(self.images) == asked).float())

    def _mean(self, values: Float[Tensor, "image"]) -> "Estimated":
        value = values.double().mean().item()
        if not self.resamples:
            return value, None
        return value, mean_interval(values.double(), self.strata, self._generator(), self.resamples)

    def _accuracy(self) -> "Estimated":
        evaluation = self.evaluation
        assert evaluation.labels is not None
        labels = labels_of(self.prompts, evaluation.class_names, "accuracy")
        found = utility(self.images, labels, evaluation.images, evaluation.labels, evaluation.seed)
        return found.accuracy, (found.low, found.high)


Estimated = tuple[float, tuple[float, float] | None]


def require_asked(metrics: Sequence[str], resamples: int, encoder: Encoder | None, judge: Judge | None) -> None:
    """Raise UserError if there is no such metric, or what one needs is missing: before any image is read."""
    for metric in metrics:
        if metric not in METRICS:
            raise UserError(f"Expected metrics among {', '.join(METRICS)}; got {metric!r}.")
        if metric in OF_CLIP and encoder is None:
            raise UserError(f"Expected an encoder for {metric}. Give one, or leave {metric} out.")
        if metric == "class_found" and judge is None:
            raise UserError("Expected a judge for class_found. Give one, or leave class_found out.")
    if check.at_least(0, resamples=resamples) == 1:
        raise UserError("Expected resamples=1 to be 0, for no intervals, or at least 2.")
