"""`test`: images against real ones, in numbers that say how they were made."""

from pathlib import Path
from typing import Literal

from dprdm import check
from dprdm.cli.function import repeated_by
from dprdm.data.readers.folder import ImageFolder
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.metrics.features import FeatureExtractor
from dprdm.metrics.judge import Judge
from dprdm.runs.results import FILE
from dprdm.types import ExistingFolder, MetricNames
from dprdm.workflows.evaluate import evaluate, results_markdown, track_results
from dprdm.workflows.measure import EvaluationSettings


def test(
    runs: list[ExistingFolder],
    out: Path = Path("runs/test"),
    real: ImageSource | None = None,
    real_folder: ExistingFolder | None = None,
    real_is_private: bool = False,
    max_real: int | None = None,
    features: FeatureExtractor | None = None,
    metrics: MetricNames | None = None,
    encoder: Encoder | None = None,
    judge: Judge | None = None,
    resamples: int = 100,
    folders_are: Literal["NON-PRIVATE", "public", "real"] = "NON-PRIVATE",
    wandb: bool = False,
    wandb_private: bool = False,
) -> None:
    """Measure what runs have drawn against real images; asked again, only what is new is measured.

    Args:
        runs: folders, first on the command line: of runs, or any with images, whose prompt is the name of their sub-folder.
        out: where results.json, table.md and table.csv are written.
        real: the real images. By default those of the first run's public source.
        real_folder: the same, as a folder of images; the classes are its sub-folders.
        real_is_private: whether they are private; noticed by itself where they are a run's `private` source.
        max_real: real images read at most.
        features: the network: efficientnet (ImageNet, no download), inception (as FID is usually computed), timm, clip, demo.
        metrics: by name, with commas (docs/evaluation.md says what they are). By default all but accuracy that can be computed
            with what is there.
        encoder: of clip_score and cmmd; by default the first run's.
        judge: says what an image shows, for class_found: demo, or a class of your own.
        resamples: of the bootstrap; 0 leaves intervals out.
        folders_are: what covers images in folders that are no run's: nothing here can vouch for them.
        wandb: log the numbers with Weights & Biases; offline unless a key is set.
        wandb_private: also those that read private images.
    """
    if real_folder is not None:
        if real is not None:
            raise UserError("Expected real images from one place. Give --real or --real_folder.")
        real = ImageFolder(check.folder(real_folder=real_folder))
    names = None if metrics is None else [name.strip() for name in metrics.split(",")]
    settings = EvaluationSettings(real, names, features, encoder, judge, resamples, max_real, real_is_private)
    results = evaluate(runs, settings, out, folders_are, repeated_by("test"))
    print(f"\n{results_markdown(results)}\nWritten: {out / FILE}, {out / 'table.md'}, {out / 'table.csv'}")
    if wandb:
        track_results(results, out, wandb_private)
