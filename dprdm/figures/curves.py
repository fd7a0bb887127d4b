"""Curves of any results, as PNG and SVG: one metric against one setting, a line a group, with intervals and horizons."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dprdm.figures.style import FONT, INK, below, new_figure, plain_numbers, save_figure

# Told apart by colour-blind readers and by their markers in print. Source: Okabe and Ito 2008.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Line:
    """One line: a value at each place, with its interval.

    Args:
        label: stands in the legend.
        places: on the horizontal axis, rising.
        values: on the vertical axis.
        lows: lower ends of the intervals, or the values themselves.
        highs: upper ends.
    """

    label: str
    places: Sequence[float]
    values: Sequence[float]
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()


@dataclass(frozen=True)
class Horizon:
    """A level that needs no place, such as public-only retrieval, or retrieval without any noise."""

    label: str
    value: float


@dataclass(frozen=True)
class Axes:
    """What the axes say.

    Args:
        title: the message, in a sentence.
        horizontal: name and unit.
        vertical: name, unit, and which way is better.
        caption: how it was made; stands below.
        is_logarithmic: of the horizontal axis.
    """

    title: str
    horizontal: str
    vertical: str
    caption: str
    is_logarithmic: bool = True


def draw_curves(axes: Axes, lines: Sequence[Line], horizons: Sequence[Horizon], stem: Path) -> Path:
    """Draw lines and horizons; write `stem`.png and `stem`.svg, and return the former."""
    import matplotlib

    with matplotlib.rc_context(FONT):
        figure, plot = new_figure(axes.title)
        for number, line in enumerate(lines):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            plot.plot(line.places, line.values, marker=marker, color=colour, label=line.label, linewidth=2)
            if len(line.lows):
                plot.fill_between(line.places, line.lows, line.highs, color=colour, alpha=0.15, linewidth=0)
        for number, horizon in enumerate(horizons):
            style = ("--", ":", "-.")[number % 3]
            plot.axhline(horizon.value, color=INK, linestyle=style, linewidth=1.2, label=horizon.label)
        plot.set(xlabel=axes.horizontal, ylabel=axes.vertical)
        if axes.is_logarithmic:
            plot.set_xscale("log")
            plain_numbers(plot.xaxis)
        plot.legend(fontsize=9, facecolor="white", edgecolor="none", framealpha=0.85)
        below(figure, axes.caption)
        return save_figure(figure, stem)
