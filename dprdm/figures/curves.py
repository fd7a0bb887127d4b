"""Curves of any results: one metric against one setting, a line a group, with intervals and reference levels."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from dprdm.figures.style import COLOURS, INK, MARKERS, new_figure, use_plain_numbers

MOST_TICKS, LABEL_WIDTH = 8, 44


@dataclass(frozen=True)
class Series:
    """One line of a figure.

    Args:
        label: stands in the legend.
        positions: on the horizontal axis, rising.
        values: on the vertical axis.
        lows: lower ends of the intervals; none: no band is drawn.
        highs: upper ends.
    """

    label: str
    positions: Sequence[float]
    values: Sequence[float]
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()


@dataclass(frozen=True)
class ReferenceLevel:
    """A horizontal line, such as public-only retrieval, or retrieval without any noise."""

    label: str
    value: float


@dataclass(frozen=True)
class FigureText:
    """The words of a figure.

    Args:
        title: the message, in a sentence.
        horizontal: name and unit of the horizontal axis.
        vertical: name and unit of the vertical axis, and which direction is better.
        caption: how it was made; stands below.
    """

    title: str
    horizontal: str
    vertical: str
    caption: str


def draw_curves(
    text: FigureText,
    series: Sequence[Series],
    levels: Sequence[ReferenceLevel],
    stem: Path,
    is_logarithmic: bool = True,
) -> Path:
    """Draw lines and levels; write `stem`.png and `stem`.svg, and return the path of the PNG.

    Args:
        is_logarithmic: of the horizontal axis.
    """
    with new_figure(text.title, text.caption, stem) as axes:
        for line, colour, marker in zip(series, cycle(COLOURS), cycle(MARKERS), strict=False):
            axes.plot(line.positions, line.values, marker=marker, color=colour, label=line.label, linewidth=2)
            if line.lows:
                axes.fill_between(line.positions, line.lows, line.highs, color=colour, alpha=0.15, linewidth=0)
        for level, style in zip(levels, cycle(("--", ":", "-.")), strict=False):
            axes.axhline(level.value, color=INK, linestyle=style, linewidth=1.2, label=level.label)
        axes.set(xlabel=text.horizontal, ylabel=textwrap.fill(text.vertical, LABEL_WIDTH))
        if is_logarithmic:
            axes.set_xscale("log")
            use_plain_numbers(axes.xaxis)
            positions = sorted({position for line in series for position in line.positions})
            if len(positions) <= MOST_TICKS:  # decades alone may leave out all that was measured
                axes.set_xticks(positions)
        axes.legend(fontsize=9, facecolor="white", edgecolor="none", framealpha=0.85)
    return stem.with_suffix(".png")
