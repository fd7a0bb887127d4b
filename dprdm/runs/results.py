"""What `test`, `sweep`, `fidelity`, `attack` and the rivals leave behind: one format, so that one report reads them all.

A file of results is JSON: a title, the command that made it, rows of numbers, what each column is called, and the
pictures next to it. Every number carries its provenance, and a table refuses to put two numbers of unlike provenance into
one column.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from dprdm.errors import UserError
from dprdm.files import read_json, write_text
from dprdm.guarantee.statement import NON_PRIVATE
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import Quantity, quantity_named

Setting: TypeAlias = str | int | float | None
# As in certificates: what the images of a row are covered by. `public` read no private record, `real` is no generator's.
Status: TypeAlias = Literal["private", "NON-PRIVATE", "public", "real"]
FILE = "results.json"


@dataclass(frozen=True)
class Measurement:
    """One number, its 95% interval where there is one, and how it was made.

    Args:
        metric: such as `fid`, `kid`, `recall`, `cosine`, `accuracy`, `tpr_at_1_fpr`.
        value: in the metric's own unit; shares are in [0, 1].
        provenance: stands beneath every table that shows it.
        low: lower end of the interval.
        high: upper end.
    """

    metric: str
    value: float
    provenance: Provenance
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Row:
    """One thing measured.

    Args:
        name: as it stands in a table.
        status: what covers it.
        settings: what it was made with, by the names of the command line: mechanism, retriever, denoiser, epsilon, delta,
            queries, k, sampling_rate, noise_std, private_weight. Public.
        measurements: at most one of each metric.
        images: a few images to show, relative to the file of results; of the same prompts in every row.
    """

    name: str
    status: Status
    settings: dict[str, Setting]
    measurements: tuple[Measurement, ...]
    images: tuple[str, ...] = ()

    @property
    def is_uncovered(self) -> bool:
        """Whether the row as a whole is outside every guarantee."""
        return self.status == NON_PRIVATE

    def measurement(self, metric: str) -> Measurement | None:
        """Return the number of that metric, or None."""
        return next((number for number in self.measurements if number.metric == metric), None)


@dataclass(frozen=True)
class Picture:
    """A figure that belongs to the results.

    Args:
        file: relative to the file of results; a PNG, with an SVG of the same name beside it where it is a curve.
        caption: what it says, in a sentence.
        alt: what it shows, for who cannot see it.
    """

    file: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Results:
    """All that one command measured.

    Args:
        kind: the command: `test`, `sweep`, `fidelity`, `attack`, `rivals`.
        title: of its section.
        command: repeats it.
        rows: in the order in which they are shown.
        pictures: in the file's folder.
        notes: sentences that belong beneath the table.
        quantities: what each metric is called. Files of version 0.4 have none: see `quantity`.
    """

    kind: str
    title: str
    command: str
    rows: tuple[Row, ...]
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()

    def metrics(self) -> tuple[str, ...]:
        """Return every metric that some row has, in order of appearance."""
        return tuple(dict.fromkeys(number.metric for row in self.rows for number in row.measurements))

    def quantity(self, metric: str) -> Quantity:
        """Return what a metric of these results is called and how it is written."""
        described = {quantity.name: quantity for quantity in self.quantities}
        return described[metric] if metric in described else quantity_named(metric)

    def save(self, folder: Path) -> Path:
        """Write `results.json` into the folder, whole or not at all; return its path."""
        path = folder / FILE
        write_text(path, json.dumps(asdict(self), indent=2, allow_nan=False) + "\n")
        return path

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read a file of results, or the one in a folder. Raises UserError if it is missing or damaged."""
        file = path / FILE if path.is_dir() else path
        content = read_json(file)
        try:
            rows = tuple(row_from_json(row) for row in content.pop("rows"))
            pictures = tuple(Picture(**picture) for picture in content.pop("pictures"))
            quantities = tuple(Quantity(**quantity) for quantity in content.pop("quantities", ()))
            return cls(
                rows=rows, pictures=pictures, notes=tuple(content.pop("notes")), quantities=quantities, **content
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"Expected results in {file}; the file is damaged ({error}).") from error


class Column(NamedTuple):
    """One column of a table: a metric, and how all of its numbers were made."""

    metric: str
    provenance: Provenance


def columns(rows: Iterable[Row]) -> tuple[Column, ...]:
    """Return the columns that hold these rows: one for each metric and provenance, so that unlike numbers never share one."""
    return tuple(dict.fromkeys(Column(m.metric, m.provenance) for row in rows for m in row.measurements))


def cell(row: Row, column: Column) -> Measurement | None:
    """Return the row's number in that column; None if it has none, or one that was made otherwise."""
    number = row.measurement(column.metric)
    return number if number is not None and number.provenance == column.provenance else None


def row_from_json(content: dict[str, Any]) -> Row:
    """Return a row that `asdict` and JSON have written."""
    measurements = tuple(
        Measurement(**{**number, "provenance": Provenance(**number["provenance"])})
        for number in content["measurements"]
    )
    return Row(**{**content, "measurements": measurements, "images": tuple(content["images"])})
