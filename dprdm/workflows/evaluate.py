"""Measure images against real ones, in numbers that say how they were made."""

import dataclasses
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from dprdm.files import write_text
from dprdm.generation.rendering import write_png
from dprdm.metrics.cache import ImageSet, distinct_names
from dprdm.metrics.evaluation import FEW
from dprdm.report.tables import csv_table, markdown_tables
from dprdm.runs.results import Results, Row, Status
from dprdm.runs.tracking import wandb_logger
from dprdm.workflows.image_sets import are_private, image_set, public_source, run_config, run_encoder
from dprdm.workflows.measure import EvaluationSettings, ImageEvaluator

log = logging.getLogger(__name__)

SHOWN = 6  # images of a row that a report may show: the first of each prompt


def evaluate(
    runs: Sequence[Path],
    settings: EvaluationSettings,
    out: Path = Path("runs/test"),
    folders_are: Status = "NON-PRIVATE",
    command: str = "",
) -> Results:
    """Measure what runs have drawn; write results.json, table.md and table.csv. Only what is new is measured.

    Args:
        runs: folders of runs, or any with images, whose prompt is the name of their sub-folder.
        settings: which numbers. Real images and encoder, where they are None, are those of the first run's config.
        out: folder of the results.
        folders_are: what covers images in folders that are no run's: nothing here can vouch for them.
        command: the command line that repeats this.
    Raises:
        UserError: if there is nothing to measure or to compare with, or what a metric needs is missing.
    """
    configs = [config for folder in runs if (config := run_config(folder))]
    real = settings.real or public_source(configs)
    is_private = settings.real_is_private or are_private(real, configs)
    encoder = settings.encoder or run_encoder(configs)
    settings = dataclasses.replace(settings, real=real, encoder=encoder, real_is_private=is_private)
    evaluator = ImageEvaluator(settings, out / "rows")
    sets = [image_set(*named, folders_are) for named in zip(runs, distinct_names(runs), strict=True)]
    if is_private:
        log.info("The real images are private: numbers that read them carry no guarantee. Keep them to yourself.")
    rows = tuple(_row(evaluator, images, out) for images in tqdm(sets, desc="Measuring", unit="run"))
    title = "Images against real ones"
    results = Results("test", title, command, rows, notes=tuple(_notes(rows)), quantities=evaluator.quantities)
    write_text(out / "table.md", results_markdown(results))
    write_text(out / "table.csv", csv_table(rows))
    results.save(out)
    return results


def results_markdown(results: Results) -> str:
    """Write results as Markdown tables, with the notes beneath."""
    return markdown_tables(results) + "\n\n" + "\n".join(results.notes) + "\n"


def track_results(results: Results, folder: Path, with_private: bool) -> None:
    """Log results with Weights & Biases; offline unless a key is set.

    Args:
        results: of `evaluate`.
        folder: names the run, and holds what W&B writes until it is sent.
        with_private: also log the numbers that read private images.
    """
    numbers = [(row.name, number) for row in results.rows for number in row.measurements]
    sent = [(name, number) for name, number in numbers if with_private or not number.provenance.reads_private]
    logger = wandb_logger(f"test-{folder.name}", {}, folder, watches_machine=False)
    logger.log_metrics({f"{name}/{number.metric}": number.value for name, number in sent})
    logger.experiment.finish()
    if len(sent) < len(numbers):
        log.info(
            f"{len(numbers) - len(sent)} numbers read private images and were not logged; --wandb_private=true logs them too."
        )


def _row(evaluator: ImageEvaluator, images: ImageSet, out: Path) -> Row:
    row, was_measured = evaluator.row(images)
    if was_measured:
        log.info(f"{images.name}: measured before, unchanged.")
    # Such images may be the private ones themselves.
    is_confidential = evaluator.settings.real_is_private and images.status == "real"
    return dataclasses.replace(row, images=() if is_confidential else _write_shown(images, out))


def _write_shown(images: ImageSet, out: Path) -> tuple[str, ...]:
    """Write the first image of each of the first prompts into the folder of the results; return their paths in it."""
    folder = out / "images" / images.name.replace("/", "-")
    shutil.rmtree(folder, ignore_errors=True)
    first = {prompt: position for position, prompt in reversed(list(enumerate(images.prompts)))}
    files = []
    for number, prompt in enumerate(sorted(first)[:SHOWN]):
        files.append(folder / f"{number}.png")
        write_png(files[-1], images.images[first[prompt]].numpy())
    return tuple(str(file.relative_to(out)) for file in files)


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    numbers = [number for row in rows for number in row.measurements]
    provenances = [number.provenance for number in numbers]
    fewest = min(min(provenance.n_real or FEW, provenance.n_generated) for provenance in provenances)
    if fewest < FEW:
        yield (
            f"Fewer than {FEW:,} images ({fewest:,}): FID is biased upwards, and the more so the fewer there are. Compare within "
            "one table only."
        )
    if any(number.metric == "accuracy" for number in numbers):
        yield (
            "accuracy: of a classifier trained on the generated images alone. Its settings are fixed and its epoch is chosen on a "
            "tenth of them; no real image chooses anything."
        )
    if any(provenance.reads_private for provenance in provenances):
        yield "Some numbers read private images. They carry no guarantee: keep them to yourself."
    if any(number.low is not None for number in numbers):
        yield "In brackets, 95% intervals over the images drawn; the spread between trained generators is not in them."
