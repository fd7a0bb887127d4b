"""The look of our figures, and how they are written: a PNG for pages, an SVG of the same name for print."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dprdm.files import write_whole

if TYPE_CHECKING:  # matplotlib is imported when something is drawn
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

INK, ACCENT, FAINT, ALERT = "#222222", "#1b5e9b", "#8a8a8a", "#c0392b"
# Told apart by colour-blind readers, and by their markers in print. Source: Okabe and Ito 2008.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
FONT: dict[Any, Any] = {
    "font.size": 10, "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "dprdm",
}  # fmt: skip


@contextmanager
def new_figure(title: str, caption: str, stem: Path, width: float = 7.2) -> Iterator["Axes"]:
    """Open axes to draw on; when the block ends without an error, write `stem`.png and `stem`.svg.

    Args:
        title: the message of the figure, in a sentence.
        caption: how it was made; stands beneath it.
        stem: path without suffix.
        width: in inches.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(FONT):
        figure = Figure(figsize=(width, 4.6), layout="constrained", facecolor="white")
        axes = figure.subplots()
        axes.set_title(title, color=INK)
        axes.grid(visible=True, which="major", color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
        yield axes
        figure.supxlabel(caption, fontsize=8, color="#555555", x=0.01, ha="left")
        write_whole(stem.with_suffix(".svg"), lambda path: figure.savefig(path, format="svg", metadata={"Date": None}))
        write_whole(stem.with_suffix(".png"), lambda path: figure.savefig(path, format="png", dpi=130))


def use_plain_numbers(*axes: "Axis") -> None:
    """Label major ticks as 0.01 and 10,000 instead of as powers of ten, and minor ones not at all."""
    for axis in axes:
        axis.set_minor_formatter("")
        axis.set_major_formatter(lambda value, position: f"{value:,.9f}".rstrip("0").rstrip("."))
