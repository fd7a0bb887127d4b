"""`test`: images against real ones, in numbers that say how they were made."""

import dataclasses
import functools
import shutil
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from dprdm.cli.function import repeated_by
from dprdm.data.readers import cifar10, coco, fashion_mnist, imagenet, parquet, tars  # noqa: F401 - by name in --real
from dprdm.data.readers.source import ImageSource
from dprdm.demo import (
    classifier,  # noqa: F401 - by name in --features
    fashion,  # noqa: F401 - by name in --real
)
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.files import write_text
from dprdm.metrics.cache import ImageSet, distinct_names, measured_once
from dprdm.metrics.evaluation import FEW, OF_FEATURES, Evaluation, require_asked
from dprdm.metrics.features import FeatureExtractor
from dprdm.metrics.judge import Judge
from dprdm.metrics.networks import EfficientNetLite0
from dprdm.metrics.real import RealImages, Shape, read_real
from dprdm.report.printed import csv_table, markdown_tables
from dprdm.runs.results import Results, Row
from dprdm.runs.tracking import wandb_logger
from dprdm.workflows.image_sets import image_set, is_same, labelled, made, real_source, run_config, run_encoder

SHOWN = 6  # images of a row that a report may show: the first of each prompt


def test(
    runs: list[Path],
    out: Path = Path("runs/test"),
    real: ImageSource | None = None,
    real_folder: Path | None = None,
    real_is_private: bool = False,
    max_real: int | None = None,
    features: FeatureExtractor | None = None,
    metrics: str | None = None,
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
        metrics: some of fid, kid, precision, recall, density, coverage, clip_score, cmmd, class_found, accuracy, with commas.
            By default the first six, clip_score and cmmd, and class_found where there is a judge.
        encoder: of clip_score and cmmd; by default the first run's.
        judge: says what an image shows, for class_found: demo, or a class of your own.
        resamples: of the bootstrap; 0 leaves intervals out.
        folders_are: what covers images in folders that are no run's: nothing here can vouch for them.
        wandb: log the numbers with Weights & Biases; offline unless a key is set.
        wandb_private: also those that read private images.
    """
    _refuse_two(real, real_folder)
    configs = [config for folder in runs if (config := run_config(folder))]
    encoder = encoder or run_encoder(configs)
    chosen = _metrics(metrics, encoder, judge)
    require_asked(chosen, resamples, encoder, judge)
    sets = [image_set(*named, folders_are) for named in zip(runs, distinct_names(runs), strict=True)]
    source = real_source(real, real_folder, configs)
    is_private = real_is_private or any(is_same(source, made(config.get("private"))) for config in configs)
    extractor = features or EfficientNetLite0()
    if is_private:
        print("The real images are private: numbers that read them carry no guarantee. Keep them to yourself.")
    against = functools.cache(
        lambda shape: _evaluation(
            labelled(read_real(source, shape, max_real), real_folder, source), extractor, chosen, resamples, is_private,
            encoder, judge,
        )
    )  # fmt: skip
    rows = [_row(against(_shape(images)), images, out) for images in tqdm(sets, desc="Measuring", unit="run")]
    results = Results("test", "Images against real ones", repeated_by("test"), tuple(rows), notes=_notes(rows, chosen))
    _write(results, out)
    if wandb:
        _track(results, out, wandb_private)


def _evaluation(
    known: RealImages,
    extractor: FeatureExtractor,
    metrics: tuple[str, ...],
    resamples: int,
    reads_private: bool,
    encoder: Encoder | None,
    judge: Judge | None,
) -> Evaluation:
    return Evaluation(
        images=known.images,
        labels=known.labels,
        class_names=known.class_names,
        extractor=extractor,
        metrics=metrics,
        resamples=resamples,
        reads_private=reads_private,
        encoder=encoder,
        judge=judge,
        conversion=known.conversion,
    )


def _row(evaluation: Evaluation, images: ImageSet, out: Path) -> Row:
    row, was_there = measured_once(evaluation, images, out / "rows")
    if was_there:
        print(f"{images.name}: measured before, unchanged.")
    # Such images may be the private ones themselves.
    is_to_be_kept = evaluation.reads_private and images.status == "real"
    return dataclasses.replace(row, images=() if is_to_be_kept else _shown(images, out))


def _metrics(asked: str | None, encoder: Encoder | None, judge: Judge | None) -> tuple[str, ...]:
    if asked is not None:
        return tuple(dict.fromkeys(part.strip() for part in asked.split(",")))
    return (*OF_FEATURES, *(("clip_score", "cmmd") if encoder else ()), *(("class_found",) if judge else ()))


def _refuse_two(real: ImageSource | None, real_folder: Path | None) -> None:
    if real is not None and real_folder is not None:
        raise UserError("Expected real images from one place. Give --real or --real_folder.")


def _shape(images: ImageSet) -> Shape:
    _, channels, height, width = images.images.shape
    return channels, height, width


def _shown(images: ImageSet, out: Path) -> tuple[str, ...]:
    """Copies of the first image of each of the first prompts, beside the results."""
    from dprdm.generation.rendering import write_png

    own = out / "images" / images.name.replace("/", "-")
    shutil.rmtree(own, ignore_errors=True)
    first = {prompt: place for place, prompt in reversed(list(enumerate(images.prompts)))}
    shown = []
    for number, prompt in enumerate(sorted(first)[:SHOWN]):
        write_png(own / f"{number}.png", images.images[first[prompt]].numpy())
        shown.append(str((own / f"{number}.png").relative_to(out)))
    return tuple(shown)


def _notes(rows: list[Row], metrics: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    fewest = min(
        min(p for p in (m.provenance.n_real or FEW, m.provenance.n_generated)) for r in rows for m in r.measurements
    )
    if fewest < FEW:
        notes.append(
            f"Fewer than {FEW:,} images ({fewest:,}): FID is biased upwards, and the more so the fewer there are. Compare within "
            "one table only."
        )
    if "accuracy" in metrics:
        notes.append(
            "accuracy: of a classifier trained on the generated images alone. Its settings are fixed and its epoch is chosen on a "
            "tenth of them; no real image chooses anything."
        )
    if any(m.provenance.reads_private for r in rows for m in r.measurements):
        notes.append("Some numbers read private images. They carry no guarantee: keep them to yourself.")
    if any(m.low is not None for r in rows for m in r.measurements):
        notes.append(
            "In brackets, 95% intervals over the images drawn; the spread between trained generators is not in them."
        )
    return tuple(notes)


def _write(results: Results, out: Path) -> None:
    text = markdown_tables(results.rows) + "\n\n" + "\n".join(results.notes) + "\n"
    write_text(out / "table.md", text)
    write_text(out / "table.csv", csv_table(results.rows))
    path = results.save(out)
    print(f"\n{text}\nWritten: {path}, {out / 'table.md'}, {out / 'table.csv'}")


def _track(results: Results, out: Path, with_private: bool) -> None:
    found = [(row.name, number) for row in results.rows for number in row.measurements]
    sent = [(name, number) for name, number in found if with_private or not number.provenance.reads_private]
    logger = wandb_logger(f"test-{out.name}", {}, out, watches_machine=False)
    logger.log_metrics({f"{name}/{number.metric}": number.value for name, number in sent})
    logger.experiment.finish()
    if len(sent) < len(found):
        print(
            f"{len(found) - len(sent)} numbers read private images and were not logged; --wandb_private=true logs them too."
        )
