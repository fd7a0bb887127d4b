"""How our figures look, and how they are written: PNG for pages, SVG beside it for print."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dprdm.files import write_whole

if TYPE_CHECKING:  # matplotlib is imported when something is drawn
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, LINE, FAINT, HERE = "#222222", "#1b5e9b", "#8a8a8a", "#c0392b"
FONT: dict[Any, Any] = {
    "font.size": 10, "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "dprdm",
}  # fmt: skip


def new_figure(message: str) -> "tuple[Figure, Axes]":
    """An empty figure whose title is its message. Call it, as all that follows, inside `matplotlib.rc_context(FONT)`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.set_title(message, color=INK)
    axes.grid(visible=True, which="major", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def below(figure: "Figure", caption: str) -> None:
    """Say beneath the figure how it was made."""
    figure.supxlabel(caption, fontsize=8, color="#555555", x=0.01, ha="left")


def plain_numbers(axis: "Axis") -> None:
    """0.01 and 10,000 instead of powers of ten."""
    axis.set_major_formatter(lambda value, position: f"{value:,.9f}".rstrip("0").rstrip("."))


def save_figure(figure: "Figure", stem: Path) -> Path:
    """Write the SVG and the PNG, and return the path of the PNG."""
    write_whole(stem.with_suffix(".svg"), lambda beside: figure.savefig(beside, format="svg", metadata={"Date": None}))
    write_whole(stem.with_suffix(".png"), lambda beside: figure.savefig(beside, format="png", dpi=130))
    return stem.with_suffix(".png")
