"""Results as tables: rows with numbers of one provenance in one table, their intervals, and the provenance beneath."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Column, Measurement, Results, Row, cell, columns

UNMARKED = ("private", "public", "real")


def markdown_tables(results: Results) -> str:
    """Return one table for each set of rows whose numbers were all made alike, each with its provenance beneath."""
    groups: dict[tuple[Column, ...], list[Row]] = {}
    for row in results.rows:
        groups.setdefault(columns([row]), []).append(row)
    return "\n\n".join(_table(results, head, members) for head, members in groups.items())


def csv_table(rows: Sequence[Row]) -> str:
    """One line a number, with its interval and its whole provenance."""
    buffer = io.StringIO()
    fields = ["row", "status", "epsilon", "metric", "value", "low", "high"]
    stated = ["features", "weights_sha256", "resize", "n_real", "n_generated", "reads_private"]
    writer = csv.DictWriter(buffer, fields + stated, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        for found in row.measurements:
            own = [row.name, row.status, row.settings.get("epsilon"), found.metric, found.value, found.low, found.high]
            writer.writerow(dict(zip(fields, own, strict=True)) | asdict(found.provenance))
    return buffer.getvalue()


def shown(number: Measurement | None, quantity: Quantity) -> str:
    """Return a number with its interval, as it stands in a table."""
    if number is None:
        return ""
    digits, scale = quantity.digits, quantity.scale
    value = f"{scale * number.value:.{digits}f}"
    if number.low is None or number.high is None:
        return value
    return f"{value} [{scale * number.low:.{digits}f}, {scale * number.high:.{digits}f}]"


def _table(results: Results, head: tuple[Column, ...], rows: Sequence[Row]) -> str:
    quantities = [results.quantity(column.metric) for column in head]
    lines = [["", "epsilon", *(quantity.head for quantity in quantities)]]
    for row in rows:
        numbers = [shown(cell(row, column), quantity) for column, quantity in zip(head, quantities, strict=True)]
        lines.append([_name(row), _epsilon(row), *numbers])
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    text = [_line(lines[0], widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    text += [_line(line, widths) for line in lines[1:]]
    return "\n".join([*text, "", *_provenances(results, head)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True)) + " |"


def _name(row: Row) -> str:
    return row.name if row.status in UNMARKED else f"{row.name} (**{row.status}**)"


def _epsilon(row: Row) -> str:
    epsilon = row.settings.get("epsilon")
    if row.status in {"NON-PRIVATE", "real"} or epsilon is None:
        return "none" if row.status == "NON-PRIVATE" else ""
    return f"{epsilon:.3g}" if isinstance(epsilon, float) else str(epsilon)


def _provenances(results: Results, head: Sequence[Column]) -> list[str]:
    """A line for each way in which numbers of this table were made."""
    by_provenance: dict[str, list[str]] = {}
    for column in head:
        by_provenance.setdefault(column.provenance.in_words(), []).append(results.quantity(column.metric).head)
    return [f"- {', '.join(metrics)}: {stated}." for stated, metrics in by_provenance.items()]
