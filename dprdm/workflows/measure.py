"""How sets of images are measured: the settings, and an evaluator that measures every set once."""

from dataclasses import dataclass
from pathlib import Path

from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.metrics.cache import ImageSet, cached_row
from dprdm.metrics.comparison import Reference, require_resamples
from dprdm.metrics.evaluation import Evaluation, choose_metrics, need_features
from dprdm.metrics.features import FeatureExtractor
from dprdm.metrics.judge import Judge
from dprdm.metrics.networks import EfficientNetLite0
from dprdm.metrics.real import Shape, read_real
from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Row
from dprdm.types import MetricName
from dprdm.workflows.image_sets import with_folder_labels


@dataclass(frozen=True)
class EvaluationSettings:
    """Which numbers, against which real images.

    Args:
        real: real images.
        metrics: by name; None: the usual ones that can be computed with what is there.
        features: the feature network; EfficientNet-Lite0 by default.
        encoder: of clip_score and cmmd, which need one.
        judge: of class_found.
        resamples: of the bootstrap; 0 leaves intervals out.
        max_real: real images read at most.
        real_is_private: whether they are private; then no number that reads them carries a guarantee.
    """

    real: ImageSource | None = None
    metrics: list[MetricName] | None = None
    features: FeatureExtractor | None = None
    encoder: Encoder | None = None
    judge: Judge | None = None
    resamples: int = 100
    max_real: int | None = None
    real_is_private: bool = False


class ImageEvaluator:
    """Measures sets of images against the same real ones; what was measured once is read from disk.

    Args:
        settings: which numbers. The real images must be there.
        folder: of the rows that were measured.

    Raises:
        UserError: if there are no real images, no such metric, or what one needs is missing; before any image is read.
    """

    def __init__(self, settings: EvaluationSettings, folder: Path) -> None:
        self.metrics = choose_metrics(settings.metrics, settings.encoder, settings.judge)
        require_resamples(settings.resamples)
        if settings.real is None:
            raise UserError("Expected real images to compare with. Name them with --real or --real_folder.")
        self.settings, self.real, self.folder = settings, settings.real, folder
        self.extractor = settings.features or (EfficientNetLite0() if need_features(self.metrics) else None)
        self._evaluations: dict[Shape, Evaluation] = {}

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What the columns are called."""
        return tuple(metric.quantity for metric in self.metrics)

    def row(self, images: ImageSet) -> tuple[Row, bool]:
        """Return the row of a set of images, and whether it was measured before."""
        _, channels, height, width = images.images.shape
        return cached_row(self._evaluation((channels, height, width)), images, self.folder)

    def _evaluation(self, shape: Shape) -> Evaluation:
        """Bring the real images to this shape, once."""
        if shape not in self._evaluations:
            settings = self.settings
            real = with_folder_labels(read_real(self.real, shape, settings.max_real), self.real)
            reference = Reference(
                images=real.images,
                labels=real.labels,
                class_names=real.class_names,
                extractor=self.extractor,
                encoder=settings.encoder,
                judge=settings.judge,
                resamples=settings.resamples,
                reads_private=settings.real_is_private,
                conversion=real.conversion,
            )
            self._evaluations[shape] = Evaluation(reference, self.metrics)
        return self._evaluations[shape]
