"""Results as tables: rows with numbers of one provenance in one table, their intervals, and the provenance beneath."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

from dprdm.runs.results import Column, Measurement, Row, cell, columns

HEADS = {
    "fid": "FID", "kid": "KID x 1000", "precision": "precision", "recall": "recall", "density": "density",
    "coverage": "coverage", "clip_score": "CLIPScore", "cmmd": "CMMD", "class_found": "class found", "accuracy": "accuracy",
}  # fmt: skip
SCALES = {"kid": 1000.0}
DIGITS = {"fid": 1, "kid": 2, "clip_score": 1, "cmmd": 2}
UNMARKED = ("private", "public", "real")


def markdown_tables(rows: Sequence[Row]) -> str:
    """One table for each set of rows whose numbers were all made alike, each with its provenance beneath."""
    groups: dict[tuple[Column, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(columns([row]), []).append(row)
    return "\n\n".join(_table(head, members) for head, members in groups.items())


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


def shown(found: Measurement | None) -> str:
    """A number with its interval, as it stands in a table."""
    if found is None:
        return ""
    digits, scale = DIGITS.get(found.metric, 3), SCALES.get(found.metric, 1.0)
    value = f"{scale * found.value:.{digits}f}"
    if found.low is None or found.high is None:
        return value
    return f"{value} [{scale * found.low:.{digits}f}, {scale * found.high:.{digits}f}]"


def _table(head: tuple[Column, ...], rows: Sequence[Row]) -> str:
    titles = ["", "epsilon", *(HEADS.get(column.metric, column.metric) for column in head)]
    lines = [titles, *([_name(row), _epsilon(row), *(shown(cell(row, column)) for column in head)] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(titles))]
    text = [_line(lines[0], widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    text += [_line(line, widths) for line in lines[1:]]
    return "\n".join([*text, "", *_provenances(head)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True)) + " |"


def _name(row: Row) -> str:
    return row.name if row.status in UNMARKED else f"{row.name} (**{row.status}**)"


def _epsilon(row: Row) -> str:
    epsilon = row.settings.get("epsilon")
    if row.status in {"NON-PRIVATE", "real"} or epsilon is None:
        return "none" if row.status == "NON-PRIVATE" else ""
    return f"{epsilon:.3g}" if isinstance(epsilon, float) else str(epsilon)


def _provenances(head: Sequence[Column]) -> list[str]:
    """A line for each way in which numbers of this table were made."""
    by_provenance: dict[str, list[str]] = {}
    for column in head:
        by_provenance.setdefault(column.provenance.stated(), []).append(HEADS.get(column.metric, column.metric))
    return [f"- {', '.join(metrics)}: {stated}." for stated, metrics in by_provenance.items()]
