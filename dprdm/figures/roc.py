"""ROC of attacks on logarithmic axes: what happens at few false positives is what counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dprdm.audit.roc import Roc, ceiling
from dprdm.figures.curves import COLOURS
from dprdm.figures.style import FAINT, FONT, below, new_figure, plain_numbers, save_figure

POINTS = 200


@dataclass(frozen=True, eq=False)
class RocLine:
    """One attack.

    Args:
        label: stands in the legend.
        curve: its rates.
        allowed: epsilon and delta of what it attacks, whose ceiling is drawn dotted; None without a guarantee.
    """

    label: str
    curve: Roc
    allowed: tuple[float, float] | None


def draw_rocs(title: str, caption: str, lines: Sequence[RocLine], least: float, stem: Path) -> Path:
    """Draw the curves, the ceilings and the diagonal; write `stem`.png and `stem`.svg, and return the former.

    Args:
        least: smallest rate shown, in (0, 1): below it are too few trials to say anything.
    """
    import matplotlib

    places = np.geomspace(least, 1, POINTS)
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(title)
        axes.plot(places, places, color=FAINT, linestyle="--", linewidth=1.2, label="guessing")
        drawn: set[tuple[float, float]] = set()
        for number, line in enumerate(lines):
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(places, _at(line.curve, places), color=colour, linewidth=2, label=line.label)
            if line.allowed is not None and line.allowed not in drawn:
                drawn.add(line.allowed)
                most = [ceiling(float(place), *line.allowed) for place in places]
                label = f"most that epsilon {line.allowed[0]:.3g} allows"
                axes.plot(places, most, color=colour, linestyle=":", linewidth=1.6, label=label)
        axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1.15))
        axes.set(xlabel="false positive rate", ylabel="true positive rate; lower is more private")
        plain_numbers(axes.xaxis)
        plain_numbers(axes.yaxis)
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
        below(figure, caption)
        figure.set_figwidth(9.4)
        return save_figure(figure, stem)


def _at(curve: Roc, places: np.ndarray) -> np.ndarray:
    """The largest true positive rate at a false positive rate of at most each place."""
    return curve.true_positive[np.searchsorted(curve.false_positive, places, side="right") - 1]
