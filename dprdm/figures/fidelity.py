"""Pictures of `fidelity`: one a metric, against epsilon, with the two horizons."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dprdm.figures.curves import Axes, Horizon, Line, draw_curves
from dprdm.runs.quantities import CLASS_FIRST, COSINE, NEIGHBOUR_RECALL
from dprdm.runs.results import Measurement, Picture, Row

# The quantity of the vertical axis, and the picture's message.
SHOWN = (
    (COSINE, "How near releases come to the clean neighbour mean"),
    (NEIGHBOUR_RECALL, "What is still found from a noisy vector"),
    (CLASS_FIRST, "How often the right class comes first"),
)


def draw_fidelity(rows: Sequence[Row], num_queries: int, out: Path) -> tuple[Picture, ...]:
    """Write a picture for each metric, with a line for each mechanism and denoiser, at one number of queries.

    Args:
        rows: of `fidelity`, horizons included.
        num_queries: those planned for in the rows drawn; a mechanism that releases once is drawn anyway.
        out: their folder.
    """
    drawn = [row for row in rows if row.settings.get("queries") in {None, num_queries} and "noise_std" in row.settings]
    caption = (
        f"{num_queries:,} queries planned for; a mechanism that releases once answers any number. Bands: 95%, over prompts.\n"
        "A denoiser that changes nothing has no line of its own."
    )
    pictures = []
    for quantity, message in SHOWN:
        metric, vertical = quantity.name, quantity.axis
        axes = Axes(message, "epsilon of all queries together", vertical, caption)
        path = draw_curves(axes, _lines(drawn, metric), _horizons(rows, metric), out / metric)
        shape = ", ".join(_ends(line) for line in _lines(drawn, metric))
        pictures.append(Picture(path.name, f"{message}: {caption}", f"Curves of {vertical} against epsilon. {shape}."))
    return tuple(pictures)


def _lines(rows: Sequence[Row], metric: str) -> list[Line]:
    groups: dict[tuple[str, str], list[tuple[float, Measurement]]] = {}
    for row in rows:
        found = row.measurement(metric)
        assert found is not None
        group = str(row.settings["mechanism"]), str(row.settings["denoiser"])
        groups.setdefault(group, []).append((float(row.settings["epsilon"] or 0), found))
    shown = [(group, points) for group, points in groups.items() if group[1] in _denoisers_shown(groups)]
    return [_line(group, points) for group, points in shown if not _is_repeated(group, groups)]


def _is_repeated(group: tuple[str, str], groups: dict[tuple[str, str], list[tuple[float, Measurement]]]) -> bool:
    """Whether the denoiser changed nothing: its line would hide that of the releases as they are."""
    before = groups.get((group[0], "none"), [])
    values, others = ([one.value for _, one in points] for points in (groups[group], before))
    return group[1] != "none" and len(values) == len(others) and bool(np.allclose(values, others, atol=1e-6))


def _denoisers_shown(groups: dict[tuple[str, str], list[tuple[float, Measurement]]]) -> set[str]:
    """Before and after: the releases as they are, and the last denoiser named. More lines than that hide each other."""
    names = list(dict.fromkeys(name for _, name in groups))
    return {"none", names[-1]} if "none" in names else {names[-1]}


def _line(group: tuple[str, str], points: list[tuple[float, Measurement]]) -> Line:
    mechanism, denoiser = group
    label = mechanism if denoiser == "none" else f"{mechanism}, {denoiser}"
    lows, highs = ([bound if bound is not None else one.value for one, bound in ends] for ends in (
        [(one, one.low) for _, one in points], [(one, one.high) for _, one in points]))  # fmt: skip
    return Line(label, [place for place, _ in points], [one.value for _, one in points], lows, highs)


def _horizons(rows: Sequence[Row], metric: str) -> list[Horizon]:
    found = ((row.name, row.measurement(metric)) for row in rows if "noise_std" not in row.settings)
    return [Horizon(name, one.value) for name, one in found if one is not None]


def _ends(line: Line) -> str:
    return (
        f"{line.label} from {line.values[0]:.2f} at {line.places[0]:g} to {line.values[-1]:.2f} at {line.places[-1]:g}"
    )
