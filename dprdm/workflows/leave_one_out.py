"""The paper's own demonstration, by `attack`: a data set with one striking image, and without it, side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dprdm.audit.leave_one_out import Asked, OneClassGone, ask_both, take_out
from dprdm.data.readers.source import ImageSource
from dprdm.data.stand_in import StandIn
from dprdm.figures.grid import grid
from dprdm.files import write_whole
from dprdm.generation.rendering import write_png
from dprdm.public.knowledge import PublicKnowledge
from dprdm.registry import create
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import COSINE_TO_THE_IMAGE, DISTANCE_BETWEEN_ANSWERS
from dprdm.runs.results import Measurement, Picture, Row, Status
from dprdm.workflows.draw import Drawing
from dprdm.workflows.membership import Arm, AttackSettings, arm

FOLDER = "minus_one"


def minus_one(
    stand_in: StandIn,
    source: ImageSource,
    settings: AttackSettings,
    public: PublicKnowledge,
    striking: str,
    columns: int,
    drawing: Drawing,
    out: Path,
) -> tuple[list[Row], list[Picture]]:
    """Four rows of images, with and without the image, without and with privacy; the seeds of a column are the same."""
    gone = take_out(stand_in, striking)
    rows, shown = [], [_the_one(source, gone, stand_in, out)]
    for one in _arms(settings, columns, public, len(gone.rows)):
        with_it, without = ask_both(gone, one.released)
        apart = float(np.linalg.norm(with_it.answered.vectors.mean(axis=0) - without.answered.vectors.mean(axis=0)))
        for asked in (with_it, without):
            name = f"{one.name}, {'with' if asked.has_one else 'without'} the {striking}"
            files = _draw(asked, drawing, out, name)
            shown.append((name, files))
            rows.append(_row(name, one, asked, apart, files, stand_in, out))
    picture = grid(shown)
    write_whole(out / "minus_one.png", lambda beside: picture.save(beside, format="PNG"))
    return rows, [_picture(rows, striking)]


def _arms(settings: AttackSettings, columns: int, public: PublicKnowledge, records: int) -> list[Arm]:
    """The nearest neighbour as it is, and every private mechanism at the largest epsilon, which pays for one row."""
    one = create("mechanism", "nonprivate", k=1, sampling_rate=1.0)
    private = [way for way in map(settings.mechanism, settings.mechanisms) if way.is_private]
    return [arm(way, max(settings.eps), settings.delta, columns, public, records) for way in (one, *private)]


def _the_one(source: ImageSource, gone: OneClassGone, stand_in: StandIn, out: Path) -> tuple[str, list[Path]]:
    path = out / FOLDER / "the_one.png"
    picture = source.image(int(stand_in.source_index[gone.position]))
    write_whole(path, lambda beside: picture.save(beside, format="PNG"))
    return "the image itself", [path]


def _draw(asked: Asked, drawing: Drawing, out: Path, name: str) -> list[Path]:
    files = []
    for number, pixels in enumerate(drawing.draw(asked.answered)):
        files.append(out / FOLDER / f"{name.replace(',', '').replace(' ', '_')}-{number:02d}.png")
        write_png(files[-1], pixels)
    return files


def _row(name: str, one: Arm, asked: Asked, apart: float, files: Sequence[Path], stand_in: StandIn, out: Path) -> Row:
    made = Provenance("released vectors; the set minus one", "", "", 1, len(asked.cosines), stand_in.is_private)
    cosine, half = float(asked.cosines.mean()), 1.96 * float(asked.cosines.std()) / len(asked.cosines) ** 0.5
    numbers = (
        Measurement(COSINE_TO_THE_IMAGE.name, cosine, made, cosine - half, cosine + half),
        Measurement(DISTANCE_BETWEEN_ANSWERS.name, apart, made),
    )
    status: Status = "private" if one.released.plan.is_private else "NON-PRIVATE"
    images = tuple(str(file.relative_to(out)) for file in files)
    return Row(name, status, {**one.settings, "asked": "minus one"}, numbers, images)


def _picture(rows: Sequence[Row], striking: str) -> Picture:
    caption = (
        f"A set without any {striking} but one, and the same set without it, asked for a {striking}. Without privacy the one "
        "image shows; with it the two sets answer alike, but for the noise. Columns have the same seed."
    )
    numbers = ", ".join(f"{row.name}: {row.measurements[0].value:.2f}" for row in rows)
    return Picture(
        "minus_one.png", caption, f"Rows of images; mean cosine of the released vectors to the image: {numbers}."
    )
