"""The same prompts at many budgets and settings, each point one `predict`, measured and drawn as curves."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from dprdm import check
from dprdm.data.index import build_store, require_source
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.figures.tradeoff import draw_tradeoff
from dprdm.metrics.cache import ImageSet
from dprdm.retrieval.store import MANIFEST, PrivateStore
from dprdm.runs.results import Picture, Results, Row
from dprdm.runs.run_reader import RenderedRun
from dprdm.workflows.measure import EvaluationSettings, ImageEvaluator
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.sweep_points import PointSettings, Predict, SweepRunner

POINTS = "points"
SHOWN = 3  # images a prompt that the report may show


@dataclass(frozen=True)
class SweepPlot:
    """One picture a metric: settings along an axis, a line for each set of options.

    Args:
        axis: an option of `predict`, such as eps, queries, private_weight or mechanism.k.
        values: of that option.
        lines: by label, the other options of each line, by name: {gaussian: {mechanism: gaussian, queries: 1000}}.
    """

    axis: str
    values: list[int | float]
    lines: dict[str, dict[str, int | float | str]]

    @property
    def short_axis(self) -> str:
        """Name of the axis without the plugin that it is a field of."""
        return self.axis.rpartition(".")[2]

    def points(self) -> list[tuple[str, float, PointSettings]]:
        """List label, position on the axis, and settings of each point."""
        return [
            (label, float(value), {**line, self.axis: value})
            for label, line in self.lines.items()
            for value in self.values
        ]


@dataclass(frozen=True)
class SweepSettings:
    """Which points are drawn, and for which prompts.

    Args:
        plots: what varies along which axis.
        prompts: of every point; none: those that the stand-in suggests.
        images_per_prompt: drawn at every point.
        horizons: settings of points that stand on no axis, by label.
        title: of the results.
    """

    plots: Sequence[SweepPlot]
    prompts: Sequence[str] = ()
    images_per_prompt: int = 20
    horizons: Mapping[str, PointSettings] = field(default_factory=dict)
    title: str = "What privacy costs"

    def __post_init__(self) -> None:
        check.at_least(1, images_per_prompt=self.images_per_prompt)

    def points(self) -> list[tuple[str, PointSettings]]:
        """List name and settings of every point, horizons first."""
        plotted = [
            (f"{label}, {plot.short_axis} {value:g}", settings)
            for plot in self.plots
            for label, value, settings in plot.points()
        ]
        return [*self.horizons.items(), *plotted]


def sweep(
    settings: SweepSettings,
    evaluation: EvaluationSettings,
    predict: Predict,
    options: PredictOptions,
    private_store: PrivateStore | None = None,
    stand_in: ImageSource | None = None,
    encoder: Encoder | None = None,
    out: Path = Path("runs/sweep"),
    command: str = "",
) -> Results:
    """Draw the images of many settings, measure them, and draw curves; write results.json. Interrupted, it goes on.

    Args:
        settings: which points.
        evaluation: which numbers, against which real images.
        predict: releases and renders a point.
        options: of `predict`, for what no point changes.
        private_store: every point is charged to its ledger, and refused where its cap ends.
        stand_in: instead, public images in the place of private ones: every point has a budget of its own.
        encoder: of the stand-in's images; the same that predict's prompts are read by.
        out: folder of the results.
        command: the command line that repeats this.
    Raises:
        UserError: naming the first point that is refused; what was finished is read from disk when the sweep is run again.
    """
    prompts = tuple(settings.prompts or (stand_in.prompts() if stand_in is not None else ()))
    if not prompts or not settings.plots:
        raise UserError("Expected curves to draw and prompts to ask: give --curves in a config, and --prompts.")
    evaluator = ImageEvaluator(evaluation, out / "rows")
    store = _store(private_store, stand_in, encoder, out)
    runner = SweepRunner(
        predict, options, prompts, settings.images_per_prompt, store, stand_in is not None, out / POINTS
    )
    points = settings.points()
    for _, point in points:
        runner.point_options(point)  # refused before the first is paid for
    rows: dict[str, Row] = {}
    for name, point in tqdm(points, desc="Points", unit="point"):
        if runner.name(point) not in rows:
            rows[runner.name(point)] = _row(runner, evaluator, name, point)
    pictures = tuple(
        picture for plot in settings.plots for picture in _draw(plot, settings, runner, evaluator, rows, out)
    )
    notes = (f"{_count(runner)} images a point, of {len(prompts)} prompts.", _budget_note(runner))
    results = Results("sweep", settings.title, command, tuple(rows.values()), pictures, notes, evaluator.quantities)
    results.save(out)
    return results


def _store(
    private_store: PrivateStore | None, stand_in: ImageSource | None, encoder: Encoder | None, out: Path
) -> Path:
    """Return the folder of the store that all points ask, or that each has a copy of."""
    if (stand_in is None) == (private_store is None):
        raise UserError("Expected either --stand_in, public images, or --private_store, whose budget pays; not both.")
    if private_store is not None:
        return private_store.path
    assert stand_in is not None
    if encoder is None:
        raise UserError("Expected --encoder, which embeds the stand-in: the same as that of the config's data.")
    path = out / "stand-in"
    if not (path / MANIFEST).exists():
        with tqdm(total=len(stand_in), desc="Embedding the stand-in", unit="image") as progress:
            build_store(stand_in, encoder, path, PrivateStore, progress)
    require_source(PrivateStore(path), stand_in)
    return path


def _row(runner: SweepRunner, evaluator: ImageEvaluator, name: str, point: PointSettings) -> Row:
    """Release, render and measure a point; its settings are among those of the row."""
    run = RenderedRun(runner.run(point))
    row, _ = evaluator.row(ImageSet.of_run(run, name))
    # Fields of the mechanism are there already, from the certificate.
    options = {option: value for option, value in point.items() if not option.startswith("mechanism.")}
    images = tuple(f"{POINTS}/{run.folder.name}/{file}" for file in _first_images(run))
    return dataclasses.replace(row, name=name, settings={**row.settings, **options}, images=images)


def _draw(
    plot: SweepPlot,
    settings: SweepSettings,
    runner: SweepRunner,
    evaluator: ImageEvaluator,
    rows: Mapping[str, Row],
    out: Path,
) -> Iterator[Picture]:
    """Draw a picture for each metric."""
    horizons = {label: rows[runner.name(point)] for label, point in settings.horizons.items()}
    lines: dict[str, list[tuple[float, Row]]] = {}
    for label, value, point in plot.points():
        lines.setdefault(label, []).append((value, rows[runner.name(point)]))
    caption = f"{_count(runner)} images a point; bands: 95% intervals over the images."
    for quantity in evaluator.quantities:
        stem = out / f"{quantity.name}_by_{plot.short_axis}"
        if picture := draw_tradeoff(quantity, plot.axis, lines, horizons, caption, stem):
            yield picture


def _count(runner: SweepRunner) -> int:
    return len(runner.prompts) * runner.images_per_prompt


def _budget_note(runner: SweepRunner) -> str:
    if runner.is_stand_in:
        return "Every point asks a copy of a public stand-in, on a budget of its own that is thrown away."
    return "All points are charged to the private store's ledger, together."


def _first_images(run: RenderedRun) -> list[str]:
    """List the first images of each prompt."""
    files: dict[str, list[str]] = {}
    for sample in run.samples:
        files.setdefault(sample.prompt, []).append(sample.file)
    return [file for of_prompt in files.values() for file in of_prompt[:SHOWN]]
