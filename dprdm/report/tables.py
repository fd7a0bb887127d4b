"""Results as tables: what varies between rows, then the numbers, each column with its provenance beneath."""

import string
from collections.abc import Sequence
from dataclasses import dataclass

from dprdm.report.content import is_uncovered
from dprdm.report.formatting import OPAQUE, aligned, decimals, interval, setting
from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Column, Results, Row, Setting, Status, cell, columns

STATUSES: dict[Status, str] = {
    "private": "covered",
    "public": "public data only",
    "real": "real images",
    "NON-PRIVATE": "NON-PRIVATE",
}


@dataclass(frozen=True)
class Heading:
    """The head of a column of numbers.

    Args:
        text: the metric's name.
        better: which way is better, or nothing.
        mark: the letter of its provenance.
        is_uncovered: whether its numbers read private images.
    """

    text: str
    better: str
    mark: str
    is_uncovered: bool


@dataclass(frozen=True)
class Number:
    """A cell: the number and its interval as text, and whether no guarantee covers it."""

    text: str
    interval: str = ""
    is_uncovered: bool = False


@dataclass(frozen=True)
class Line:
    """A row of a table, ready to be read.

    Args:
        name: of what was measured.
        status: in words.
        is_uncovered: whether no guarantee covers the row.
        settings: one for each column of settings.
        numbers: one for each column of numbers.
    """

    name: str
    status: str
    is_uncovered: bool
    settings: tuple[str, ...]
    numbers: tuple[Number, ...]


@dataclass(frozen=True)
class Table:
    """One table.

    Args:
        settings: names of the settings that differ between the rows.
        same: settings that all rows share, in words.
        headings: of the columns of numbers.
        lines: the rows.
        provenances: mark and words of each.
    """

    settings: tuple[str, ...]
    same: str
    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]
    provenances: tuple[tuple[str, str], ...]


def tabulate(results: Results) -> Table:
    """The table of some results."""
    rows, found = results.rows, columns(results.rows)
    marks = {provenance: _letter(at) for at, provenance in enumerate(dict.fromkeys(c.provenance for c in found))}
    varying = tuple(name for name in _names(rows) if len({_of(row, name) for row in rows}) > 1)
    same = [name for name in _names(rows) if name not in varying]
    places = [decimals(each.value for row in rows if (each := cell(row, column)) is not None) for column in found]
    return Table(
        settings=varying,
        same=", ".join(f"{name} {setting(_of(rows[0], name))}" for name in same),
        headings=tuple(_heading(column, results.quantity(column.metric), marks[column.provenance]) for column in found),
        lines=tuple(_line(row, varying, list(zip(found, places, strict=True))) for row in rows),
        provenances=tuple((mark, provenance.in_words()) for provenance, mark in marks.items()),
    )


def _names(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.settings))


def _of(row: Row, name: str) -> Setting:
    return row.settings.get(name)


def _heading(column: Column, quantity: Quantity, mark: str) -> Heading:
    label = quantity.label[0].upper() + quantity.label[1:]
    return Heading(label, quantity.better, mark, column.provenance.reads_private)


def _line(row: Row, varying: Sequence[str], found: Sequence[tuple[Column, int | None]]) -> Line:
    return Line(
        name=row.name,
        status=STATUSES[row.status],
        is_uncovered=is_uncovered(row),
        settings=tuple(setting(_of(row, name)) for name in varying),
        numbers=tuple(_number(row, column, places) for column, places in found),
    )


def _number(row: Row, column: Column, places: int | None) -> Number:
    measured = cell(row, column)
    if measured is None:
        return Number(OPAQUE, is_uncovered=is_uncovered(row))
    is_outside = is_uncovered(row) or column.provenance.reads_private
    return Number(aligned(measured.value, places), interval(measured, places), is_outside)


def _letter(position: int) -> str:
    """a, b, ..., z, a2, b2, ..."""
    letter, turn = string.ascii_lowercase[position % 26], position // 26
    return letter if not turn else f"{letter}{turn + 1}"
