"""ROC curves of attacks on logarithmic axes: what an attack achieves at few false positives is what counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from dprdm.audit.roc import Roc, ceiling
from dprdm.figures.style import COLOURS, FAINT, new_figure, use_plain_numbers

POINTS = 200


@dataclass(frozen=True, eq=False)
class RocLine:
    """The curve of one attack.

    Args:
        label: stands in the legend.
        curve: its rates.
        allowed: epsilon and delta of what it attacks, whose ceiling is drawn dotted; None without a guarantee.
    """

    label: str
    curve: Roc
    allowed: tuple[float, float] | None


def draw_rocs(title: str, caption: str, lines: Sequence[RocLine], least: float, stem: Path) -> Path:
    """Draw the curves, the ceilings and the diagonal; write `stem`.png and `stem`.svg, and return the path of the PNG.

    Args:
        title: of the figure.
        caption: how it was made.
        lines: one an attack.
        least: smallest rate shown, in (0, 1): below it are too few trials to say anything.
        stem: path without suffix.
    """
    rates = np.geomspace(least, 1, POINTS)
    with new_figure(title, caption, stem, width=9.4) as axes:
        axes.plot(rates, rates, color=FAINT, linestyle="--", linewidth=1.2, label="guessing")
        legend: set[str] = set()
        for line, colour in zip(lines, cycle(COLOURS), strict=False):
            # The largest true positive rate at a false positive rate of at most each of `rates`.
            last = np.searchsorted(line.curve.false_positive, rates, side="right") - 1
            axes.plot(rates, line.curve.true_positive[last], color=colour, linewidth=2, label=line.label)
            if line.allowed and (label := f"most that epsilon {line.allowed[0]:.3g} allows") not in legend:
                legend.add(label)
                most = [ceiling(float(rate), *line.allowed) for rate in rates]
                axes.plot(rates, most, color=colour, linestyle=":", linewidth=1.6, label=label)
        axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1.15))
        axes.set(xlabel="false positive rate", ylabel="true positive rate; lower is more private")
        use_plain_numbers(axes.xaxis, axes.yaxis)
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return stem.with_suffix(".png")
