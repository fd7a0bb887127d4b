"""The losses of a training, drawn from the table that every `fit` leaves.

python benchmarks/training_curve.py runs/fashion/logs/version_0/metrics.csv docs/figures/fashion/loss
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from dprdm.figures.curves import FigureText, Series, draw_curves

SMOOTHED = 10  # logged steps averaged in the training line


def column(path: Path, name: str) -> Iterator[tuple[float, float]]:
    """Step and value wherever the table has one."""
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row.get(name):
                yield float(row["step"]), float(row[name])


def smoothed(points: list[tuple[float, float]], width: int) -> list[tuple[float, float]]:
    """Means of `width` points after each other."""
    groups = [points[start : start + width] for start in range(0, len(points), width)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def main() -> None:
    """Draw the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("stem", type=Path)
    arguments = parser.parse_args()
    training = smoothed(list(column(arguments.table, "train/loss")), SMOOTHED)
    validation = list(column(arguments.table, "val/loss"))
    lines = [
        Series("training, smoothed", *zip(*training, strict=True)),
        Series("held-out public images", *zip(*validation, strict=True)),
    ]
    title = f"The held-out loss falls to {min(value for _, value in validation):.3f}"
    text = FigureText(title, "step", "denoising loss", f"{len(validation)} validations.")
    print(draw_curves(text, lines, [], arguments.stem, is_logarithmic=False))


if __name__ == "__main__":
    main()
