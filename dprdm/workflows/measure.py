"""How a sweep's points are measured: the options, and rows that are measured once."""

import functools
from dataclasses import dataclass
from pathlib import Path

from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.metrics.cache import ImageSet, measured_once
from dprdm.metrics.evaluation import Evaluation, require_asked
from dprdm.metrics.features import FeatureExtractor
from dprdm.metrics.judge import Judge
from dprdm.metrics.networks import EfficientNetLite0
from dprdm.metrics.real import Shape, read_real
from dprdm.runs.results import Row
from dprdm.runs.run_reader import RenderedRun


@dataclass(frozen=True)
class Measuring:
    """Which numbers, against which real images.

    Args:
        real: real images.
        metrics: some of those of `test`.
        features: the feature network; EfficientNet-Lite0 by default.
        encoder: of clip_score and cmmd, which need one.
        judge: of class_found.
        resamples: of the bootstrap; 0 leaves intervals out.
        max_real: real images read at most.
        real_is_private: whether they are private; then no number that reads them carries a guarantee.
    """

    real: ImageSource
    metrics: list[str]
    features: FeatureExtractor | None = None
    encoder: Encoder | None = None
    judge: Judge | None = None
    resamples: int = 100
    max_real: int | None = None
    real_is_private: bool = False


class Measured:
    """Measures runs; what was measured once is read from disk.

    Args:
        measuring: what is asked.
        folder: where rows are kept.

    Raises:
        UserError: if there is no such metric, or what one needs is missing; before any image is read.
    """

    def __init__(self, measuring: Measuring, folder: Path) -> None:
        self.measuring, self.folder = measuring, folder
        self.encoder = measuring.encoder
        self.extractor = measuring.features or EfficientNetLite0()
        require_asked(tuple(measuring.metrics), measuring.resamples, self.encoder, measuring.judge)

    def row(self, run: RenderedRun, name: str) -> Row:
        """The row of a run."""
        images = ImageSet.of_run(run, name)
        _, channels, height, width = images.images.shape
        return measured_once(self._evaluation((channels, height, width)), images, self.folder)[0]

    @functools.cache  # noqa: B019 - one object a sweep
    def _evaluation(self, shape: Shape) -> Evaluation:
        asked = self.measuring
        known = read_real(asked.real, shape, asked.max_real)
        return Evaluation(
            known.images,
            known.labels,
            known.class_names,
            self.extractor,
            tuple(asked.metrics),
            asked.resamples,
            asked.real_is_private,
            self.encoder,
            asked.judge,
            known.conversion,
        )
