"""`sweep`: the same prompts at many budgets and settings, each point one `predict`, measured and drawn as curves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from dprdm import check
from dprdm.cli.function import repeated_by
from dprdm.data.index import build_store, require_source
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.figures.tradeoff import draw_tradeoff
from dprdm.resources import find_config
from dprdm.retrieval.store import MANIFEST, PrivateStore
from dprdm.runs.results import Picture, Results, Row, Setting
from dprdm.runs.run_reader import RenderedRun
from dprdm.workflows.measure import Measured, Measuring
from dprdm.workflows.sweep_points import Asking, Options

POINTS = "points"
SHOWN = 3  # images a prompt that the report may show


@dataclass(frozen=True)
class Curve:
    """One picture a metric: settings along an axis, a line for each way of asking.

    Args:
        axis: an option of `predict`, such as eps, queries, private_weight or mechanism.k.
        values: of that option.
        lines: by label, the other options of each line, by name: {gaussian: {mechanism: gaussian, queries: 1000}}.
    """

    axis: str
    values: list[int | float]
    lines: dict[str, dict[str, int | float | str]]

    def points(self) -> list[tuple[str, float, Options]]:
        """Label, place on the axis, and options of each point."""
        every = [(label, value, line) for label, line in self.lines.items() for value in self.values]
        return [(label, float(value), {**line, self.axis: value}) for label, value, line in every]


@dataclass(frozen=True)
class Points:
    """Asks for points and measures them; what was measured once is read from disk.

    Args:
        asking: calls `predict`.
        measured: measures what was drawn.
    """

    asking: Asking
    measured: Measured

    def row(self, name: str, options: Options) -> Row:
        """The row of a point, with its options among its settings."""
        run = RenderedRun(self.asking.run(options))
        row = self.measured.row(run, name)
        shown = _first_images(run, SHOWN)
        relative = tuple(f"{POINTS}/{run.folder.name}/{file}" for file in shown)
        return replace(row, name=name, settings={**row.settings, **_stated(options)}, images=relative)


def sweep(
    curves: list[Curve],
    measure: Measuring,
    predict: str = "demo.yaml",
    stand_in: ImageSource | None = None,
    private_store: Path | None = None,
    prompts: list[str] | None = None,
    images_per_prompt: int = 20,
    horizons: dict[str, dict[str, int | float | str]] | None = None,
    encoder: Encoder | None = None,
    title: str = "What privacy costs",
    out: Path = Path("runs/sweep"),
) -> None:
    """Draw the images of many settings and measure them: what privacy costs, as curves. Interrupted, it goes on.

    Args:
        curves: what varies along which axis.
        measure: which numbers, against which real images.
        predict: config of `predict` for every point.
        stand_in: public images in the place of private ones: every point has a budget of its own, which is thrown away.
        private_store: a private store, instead: every point is charged to its ledger, and refused where its cap ends.
        prompts: asked at every point; by default those that stand_in suggests.
        images_per_prompt: drawn at every point.
        horizons: points that stand on no axis, by label.
        encoder: of the stand-in's images, which need one: the same as the config's.
        title: of the results.
        out: folder of the results.
    """
    check.at_least(1, images_per_prompt=images_per_prompt)
    asked = tuple(prompts or (stand_in.prompts() if stand_in is not None else ()))
    if not asked or not curves:
        raise UserError("Expected curves to draw and prompts to ask: give --curves in a config, and --prompts.")
    store = _store(stand_in, private_store, encoder, out)
    asking = Asking(find_config(predict), asked, images_per_prompt, store, stand_in is not None, out / POINTS)
    results = _results(title, curves, horizons or {}, Points(asking, Measured(measure, out / "rows")), out)
    path = results.save(out)
    print(f"{len(results.rows)} points in {path}; curves: {', '.join(str(out / p.file) for p in results.pictures)}")


def _store(stand_in: ImageSource | None, private_store: Path | None, encoder: Encoder | None, out: Path) -> Path:
    """The store that all points ask, or that each has a copy of."""
    if (stand_in is None) == (private_store is None):
        raise UserError("Expected either --stand_in, public images, or --private_store, whose budget pays; not both.")
    if private_store is not None:
        return PrivateStore(private_store, check=False).path
    assert stand_in is not None
    if encoder is None:
        raise UserError("Expected --encoder, which embeds the stand-in: the same as that of the config's data.")
    path = out / "stand-in"
    if not (path / MANIFEST).exists():
        with tqdm(total=len(stand_in), desc="Embedding the stand-in", unit="image") as progress:
            build_store(stand_in, encoder, path, PrivateStore, progress)
    require_source(PrivateStore(path), stand_in)
    return path


def _results(
    title: str, curves: Sequence[Curve], horizons: Mapping[str, Options], points: Points, out: Path
) -> Results:
    """Ask for every point, horizons first, and draw what came."""
    wanted = [(name, options) for name, options in horizons.items()]
    wanted += [
        (f"{label}, {_short(curve.axis)} {value:g}", o) for curve in curves for label, value, o in curve.points()
    ]
    rows: dict[str, Row] = {}
    for name, options in tqdm(wanted, desc="Points", unit="point"):
        rows.setdefault(points.asking.name(options), points.row(name, options))
    levels = {name: rows[points.asking.name(options)] for name, options in horizons.items()}
    pictures = [picture for curve in curves for picture in _pictures(curve, rows, levels, points, out)]
    count = len(points.asking.prompts) * points.asking.images_per_prompt
    notes = (f"{count} images a point, of {len(points.asking.prompts)} prompts.", _budget_note(points.asking))
    return Results("sweep", title, repeated_by("sweep"), tuple(rows.values()), tuple(pictures), notes)


def _pictures(
    curve: Curve, rows: Mapping[str, Row], horizons: Mapping[str, Row], points: Points, out: Path
) -> Iterator[Picture]:
    """One for each metric that was measured."""
    lines: dict[str, list[tuple[float, Row]]] = {}
    for label, value, options in curve.points():
        lines.setdefault(label, []).append((value, rows[points.asking.name(options)]))
    metrics = dict.fromkeys(m.metric for row in rows.values() for m in row.measurements)
    count = len(points.asking.prompts) * points.asking.images_per_prompt
    for metric in metrics:
        stem = out / f"{metric}_by_{_short(curve.axis)}"
        caption = f"{count} images a point; bands: 95% intervals over the images."
        if picture := draw_tradeoff(metric, curve.axis, lines, horizons, caption, stem):
            yield picture


def _budget_note(asking: Asking) -> str:
    if asking.is_stand_in:
        return "Every point asks a copy of a public stand-in, on a budget of its own that is thrown away."
    return "All points are charged to the private store's ledger, together."


def _stated(options: Options) -> dict[str, Setting]:
    """Options as settings of a row; fields of the mechanism are there already, from the certificate."""
    return {name: value for name, value in options.items() if not name.startswith("mechanism.")}


def _short(axis: str) -> str:
    return axis.rpartition(".")[2]


def _first_images(run: RenderedRun, count: int) -> list[str]:
    """The first images of each prompt."""
    files: dict[str, list[str]] = {}
    for sample in run.samples:
        files.setdefault(sample.prompt, []).append(sample.file)
    return [file for found in files.values() for file in found[:count]]
