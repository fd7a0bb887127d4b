"""Trade-off curves: how a metric changes with epsilon, or with another setting, for several mechanisms at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dprdm.figures.curves import FigureText, ReferenceLevel, Series, draw_curves
from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Picture, Row

# What the horizontal axis says, by the name of the option.
SETTINGS = {
    "eps": "epsilon",
    "queries": "number of queries that the budget pays for",
    "private_weight": "private_weight, share of the released vector in the condition",
    "mechanism.k": "k, neighbours averaged",
    "mechanism.sampling_rate": "sampling_rate, chance of a record to be searched",
}
LINEAR = {"private_weight"}


def draw_tradeoff(
    quantity: Quantity,
    setting: str,
    lines: Mapping[str, Sequence[tuple[float, Row]]],
    levels: Mapping[str, Row],
    caption: str,
    stem: Path,
    title: str = "",
) -> Picture | None:
    """Draw one quantity against one setting; write `stem`.png and `stem`.svg.

    Args:
        quantity: on the vertical axis.
        setting: option on the horizontal axis, by its name on the command line.
        lines: by label, rows with their position on that axis.
        levels: by label, rows that have no position: public-only and nonprivate.
        caption: how it was made.
        stem: path without suffix.
        title: the message; by default "QUANTITY against SETTING".
    Returns:
        The picture, relative to `stem`'s folder; None if no row of `lines` has this quantity.
    """
    series = [line for label, points in lines.items() if (line := _series(label, quantity.name, points))]
    if not series:
        return None
    horizontal = SETTINGS.get(setting, setting)
    title = title or f"{quantity.label} against {horizontal.split(',')[0].removesuffix(' that the budget pays for')}"
    text = FigureText(title[0].upper() + title[1:], horizontal, quantity.axis, caption)
    shown = [
        ReferenceLevel(label, number.value)
        for label, row in levels.items()
        if (number := row.measurement(quantity.name))
    ]
    path = draw_curves(text, series, shown, stem, is_logarithmic=setting not in LINEAR)
    return Picture(path.name, f"{text.title}. Bands are 95% intervals.", _describe(text.title, series, shown))


def _series(label: str, metric: str, points: Sequence[tuple[float, Row]]) -> Series | None:
    measured = [(x, number) for x, row in points if (number := row.measurement(metric))]
    if not measured:
        return None
    positions, numbers = zip(*sorted(measured, key=lambda point: point[0]), strict=True)
    lows = [number.value if number.low is None else number.low for number in numbers]
    highs = [number.value if number.high is None else number.high for number in numbers]
    return Series(label, positions, [number.value for number in numbers], lows, highs)


def _describe(title: str, series: Sequence[Series], levels: Sequence[ReferenceLevel]) -> str:
    """Return the numbers of the figure in words."""
    parts = []
    for line in series:
        points = [f"{value:.3g} at {x:g}" for x, value in zip(line.positions, line.values, strict=True)]
        parts.append(f"{line.label}: {', '.join(points)}")
    parts += [f"{level.label}: {level.value:.3g}" for level in levels]
    return f"{title}. {'; '.join(parts)}."
