"""Results as one kind of table, for pages (through templates), Markdown and the terminal; and as CSV, a line a number.

Numbers stand in one column only if they are of one metric and were made alike.
"""

import csv
import io
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from dprdm.guarantee.statement import NON_PRIVATE
from dprdm.report.formatting import NOTHING, aligned, decimals, setting
from dprdm.runs.results import Column, Results, Row, Setting, Status, cell, columns

GUARANTEES: dict[Status, str] = {
    "private": "covered",
    "public": "public data only",
    "real": "real images",
    NON_PRIVATE: NON_PRIVATE,
}
READS_PRIVATE = "reads private images"


@dataclass(frozen=True)
class TableHeading:
    """The head of a column of numbers.

    Args:
        text: the metric's name.
        better: which direction is better, or nothing.
        mark: the letter of its provenance.
        is_uncovered: whether its numbers read private images.
    """

    text: str
    better: str
    mark: str
    is_uncovered: bool


@dataclass(frozen=True)
class TableCell:
    """A number and its interval as text, and whether no guarantee covers it."""

    text: str
    interval: str
    is_uncovered: bool


@dataclass(frozen=True)
class TableRow:
    """A row of a table: its name, what covers it, and its cells as text.

    Args:
        name: of what was measured.
        status: in words.
        is_uncovered: whether no guarantee covers the row.
        settings: one for each column of settings.
        cells: one for each column of numbers.
    """

    name: str
    status: str
    is_uncovered: bool
    settings: tuple[str, ...]
    cells: tuple[TableCell, ...]


@dataclass(frozen=True)
class Table:
    """A table as text.

    Args:
        settings: names of the columns of settings.
        shared: sentences with the other settings, which do not differ.
        headings: of the columns of numbers.
        rows: in the order given.
        provenances: mark and words of each.
    """

    settings: tuple[str, ...]
    shared: str
    headings: tuple[TableHeading, ...]
    rows: tuple[TableRow, ...]
    provenances: tuple[tuple[str, str], ...]

    @property
    def has_intervals(self) -> bool:
        """Whether some number has an interval."""
        return any(cell.interval for row in self.rows for cell in row.cells)


def tabulate(results: Results, settings: Iterable[str] | None = None) -> Table:
    """Make the table of some results.

    Args:
        results: rows, and what their numbers are called.
        settings: those to show, by name; by default those that differ, and `shared` says the others.
    """
    rows, places = results.rows, {column: _places(results, column) for column in columns(results.rows)}
    names = dict.fromkeys(name for row in rows for name in row.settings)
    values = {name: [row.settings[name] for row in rows if name in row.settings] for name in names}
    shown = [name for name in names if len(set(values[name])) > 1] if settings is None else list(settings)
    provenances = dict.fromkeys(column.provenance for column in places)
    marks = {provenance: _mark(position) for position, provenance in enumerate(provenances)}
    return Table(
        settings=tuple(shown),
        shared=_shared(values, len(rows)) if settings is None else "",
        headings=tuple(_heading(results, column, marks[column.provenance]) for column in places),
        rows=tuple(
            TableRow(
                name=row.name,
                status=GUARANTEES[row.status],
                is_uncovered=row.is_uncovered,
                settings=tuple(_setting(row, name) for name in shown),
                cells=tuple(
                    _cell(row, column, results.quantity(column.metric).scale, places[column]) for column in places
                ),
            )
            for row in rows
        ),
        provenances=tuple((mark, provenance.in_words()) for provenance, mark in marks.items()),
    )


def markdown_table(table: Table, escape: Callable[[str], str] = str) -> str:
    """Write a table in Markdown that lines up in a terminal as well, with its provenances beneath.

    Args:
        table: what to write.
        escape: makes text safe where Markdown is rendered; by default text is left as it is.
    """
    heads = (_head(heading, escape) for heading in table.headings)
    texts = [["What", "Guarantee", *map(escape, table.settings), *heads]]
    for row in table.rows:
        status = f"**{row.status}**" if row.is_uncovered else row.status
        numbers = (f"{number.text} {number.interval}".strip() for number in row.cells)
        texts.append([escape(row.name), status, *map(escape, row.settings), *map(escape, numbers)])
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in texts]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:], "", *(f"- ({m}) {escape(words)}." for m, words in table.provenances)])


def markdown_tables(results: Results) -> str:
    """Write one table for each set of rows whose numbers were all made alike, each with its provenance beneath."""
    groups: dict[tuple[Column, ...], list[Row]] = {}
    for row in results.rows:
        groups.setdefault(columns([row]), []).append(row)
    tables = (tabulate(replace(results, rows=tuple(rows)), ["epsilon"]) for rows in groups.values())
    return "\n\n".join(map(markdown_table, tables))


def csv_table(rows: Sequence[Row]) -> str:
    """Write one line a number, with its interval and its whole provenance; nothing if there is no number."""
    lines = []
    for row in rows:
        for values in map(asdict, row.measurements):
            provenance = values.pop("provenance")
            epsilon = row.settings.get("epsilon")
            lines.append({"row": row.name, "status": row.status, "epsilon": epsilon, **values, **provenance})
    buffer = io.StringIO()
    if lines:
        writer = csv.DictWriter(buffer, lines[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return buffer.getvalue()


def _places(results: Results, column: Column) -> int:
    quantity = results.quantity(column.metric)
    numbers = (number for row in results.rows if (number := cell(row, column)) is not None)
    return decimals((quantity.scale * number.value for number in numbers), quantity.digits)


def _heading(results: Results, column: Column, mark: str) -> TableHeading:
    quantity = results.quantity(column.metric)
    label = quantity.head[0].upper() + quantity.head[1:]
    return TableHeading(label, quantity.better, mark, column.provenance.reads_private)


def _head(heading: TableHeading, escape: Callable[[str], str]) -> str:
    arrow = {"lower": " \N{DOWNWARDS ARROW}", "higher": " \N{UPWARDS ARROW}"}.get(heading.better.split(" ")[0], "")
    warning = f" **{READS_PRIVATE}**" if heading.is_uncovered else ""
    return f"{escape(heading.text)}{arrow} ({heading.mark}){warning}"


def _shared(values: Mapping[str, Sequence[Setting]], num_rows: int) -> str:
    """Say which settings have one value only: in all rows, or in the rows that have it."""
    same = {name: f"{name} {setting(choices[0])}" for name, choices in values.items() if len(set(choices)) == 1}
    everywhere = ", ".join(text for name, text in same.items() if len(values[name]) == num_rows)
    elsewhere = ", ".join(text for name, text in same.items() if len(values[name]) < num_rows)
    sentences = {"In all rows": everywhere, "Where they apply": elsewhere}
    return " ".join(f"{where}: {texts}." for where, texts in sentences.items() if texts)


def _setting(row: Row, name: str) -> str:
    value = row.settings.get(name)
    return "none" if name == "epsilon" and value is None and row.is_uncovered else setting(value)


def _cell(row: Row, column: Column, scale: float, places: int) -> TableCell:
    number = cell(row, column)
    if number is None:
        return TableCell(NOTHING, "", row.is_uncovered)
    ends = [aligned(scale * end, places) for end in (number.low, number.high) if end is not None]
    interval = f"[{', '.join(ends)}]" if len(ends) == 2 else ""
    is_uncovered = row.is_uncovered or number.provenance.reads_private
    return TableCell(aligned(scale * number.value, places), interval, is_uncovered)


def _mark(position: int) -> str:
    """Return a, b, ..., z, a2, b2, ..."""
    turn, letter = divmod(position, 26)
    return string.ascii_lowercase[letter] + (f"{turn + 1}" if turn else "")
