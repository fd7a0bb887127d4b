"""Sets of images against real ones: one row of numbers a set, each with its interval and its provenance."""

from collections.abc import Sequence
from dataclasses import dataclass

from dprdm import registry
from dprdm.diffusion.shapes import Pixels
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.metrics.comparison import Comparison, Need, Reference
from dprdm.metrics.judge import Judge
from dprdm.metrics.metric import Metric
from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Row, Setting, Status

# What is measured unless somebody names other metrics, as far as what these need is there.
USUAL = ("fid", "kid", "precision", "recall", "density", "coverage", "clip_score", "cmmd", "class_found")
# Below so many images, distances between sets are known to be far off.
FEW = 5_000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Some metrics against one reference.

    Args:
        reference: real images and networks.
        metrics: in the order of the columns.

    Raises:
        UserError: if what a metric needs is missing.
    """

    reference: Reference
    metrics: tuple[Metric, ...]

    def __post_init__(self) -> None:
        _require(self.metrics, _missing(self.reference.encoder, self.reference.judge))
        if self.reference.labels is None:
            _require(self.metrics, {Need.LABELS})
        if self.reference.extractor is None:
            _require(self.metrics, {Need.FEATURES})

    def row(
        self, name: str, images: Pixels, prompts: Sequence[str], status: Status, settings: dict[str, Setting]
    ) -> Row:
        """Return the row of any images, such as real ones, with what each was to show."""
        comparison = Comparison(self.reference, images, tuple(prompts))
        return Row(name, status, settings, tuple(metric.measure(comparison) for metric in self.metrics))

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What the columns are called, for a file of results."""
        return tuple(metric.quantity for metric in self.metrics)


def choose_metrics(names: Sequence[str] | None, encoder: Encoder | None, judge: Judge | None) -> tuple[Metric, ...]:
    """Return the metrics of these names, each once; for None, the usual ones that can be computed with what is there.

    Raises:
        UnknownPlugin: if there is no such metric.
        UserError: if what one needs is missing: before any image is read.
    """
    missing = _missing(encoder, judge)
    if names is None:
        return tuple(metric for metric in map(_metric, USUAL) if not missing & set(metric.needs))
    metrics = tuple(_metric(name) for name in dict.fromkeys(names))
    _require(metrics, missing)
    return metrics


def need_features(metrics: Sequence[Metric]) -> bool:
    """Return whether some metric needs a feature network."""
    return any(Need.FEATURES in metric.needs for metric in metrics)


def _metric(name: str) -> Metric:
    metric: Metric = registry.find("metric", name)
    return metric


def _missing(encoder: Encoder | None, judge: Judge | None) -> set[Need]:
    return {need for need, part in ((Need.ENCODER, encoder), (Need.JUDGE, judge)) if part is None}


def _require(metrics: Sequence[Metric], missing: set[Need]) -> None:
    for metric in metrics:
        for need in missing.intersection(metric.needs):
            raise UserError(f"Expected {need.value} for {metric.name}. Give it, or leave {metric.name} out.")
