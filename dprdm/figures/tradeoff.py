"""Trade-off curves: what a metric of the images costs in epsilon, or in queries, for several mechanisms at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dprdm.figures.curves import Axes, Horizon, Line, draw_curves
from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Measurement, Picture, Row

# What the horizontal axis is called.
SETTINGS = {
    "eps": "epsilon",
    "queries": "queries that the budget pays for",
    "private_weight": "private_weight, share of the released vector in the condition",
    "mechanism.k": "k, neighbours averaged",
    "mechanism.sampling_rate": "sampling_rate, chance of a record to be searched",
}
LINEAR = {"private_weight"}
# For titles, where the axis has too many words.
SHORT = {"queries": "number of queries"}


def draw_tradeoff(
    quantity: Quantity,
    setting: str,
    lines: Mapping[str, Sequence[tuple[float, Row]]],
    horizons: Mapping[str, Row],
    caption: str,
    stem: Path,
) -> Picture | None:
    """Draw one quantity against one setting; return the picture, relative to `stem`'s folder, or None if no row has it.

    Args:
        quantity: runs along the vertical axis.
        setting: what runs along the horizontal axis, by its name on the command line.
        lines: by label, rows with their place on that axis.
        horizons: by label, rows that need no place: public-only and nonprivate.
        caption: how it was made.
        stem: path without suffix; a PNG and an SVG are written.
    """
    drawn = [line for label, points in lines.items() if (line := _line(label, quantity.name, points))]
    if not drawn:
        return None
    levels = [Horizon(label, m.value) for label, row in horizons.items() if (m := row.measurement(quantity.name))]
    where = SETTINGS.get(setting, setting)
    title = f"{quantity.label} against {SHORT.get(setting, where.split(',')[0])}"
    axes = Axes(title[0].upper() + title[1:], where, quantity.axis, caption, setting not in LINEAR)
    path = draw_curves(axes, drawn, levels, stem)
    return Picture(path.name, f"{axes.title}. Bands are 95% intervals.", _alt(axes.title, drawn, levels))


def _line(label: str, metric: str, points: Sequence[tuple[float, Row]]) -> Line | None:
    found = [(place, m) for place, row in sorted(points, key=_place) if (m := row.measurement(metric))]
    if not found:
        return None
    places, numbers = zip(*found, strict=True)
    return Line(
        label, places, [m.value for m in numbers], [_end(m, m.low) for m in numbers], [_end(m, m.high) for m in numbers]
    )


def _end(measurement: Measurement, end: float | None) -> float:
    return measurement.value if end is None else end


def _alt(title: str, lines: Sequence[Line], horizons: Sequence[Horizon]) -> str:
    """The numbers of the picture, in words."""
    parts = [
        f"{line.label}: "
        + ", ".join(f"{value:.3g} at {place:g}" for place, value in zip(line.places, line.values, strict=True))
        for line in lines
    ]
    return f"{title}. " + "; ".join([*parts, *(f"{level.label}: {level.value:.3g}" for level in horizons)]) + "."


def _place(point: tuple[float, Row]) -> float:
    return point[0]
