"""Figures of `fidelity`: each metric against epsilon, with public neighbours and noiseless retrieval as levels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dprdm.figures.tradeoff import draw_tradeoff
from dprdm.runs.quantities import CLASS_FIRST, COSINE, NEIGHBOUR_RECALL
from dprdm.runs.results import Picture, Row

TITLES = {
    COSINE: "How near releases come to the clean neighbour mean",
    NEIGHBOUR_RECALL: "How many of the clean mean's neighbours are still retrieved",
    CLASS_FIRST: "How often the right class comes first",
}


def draw_fidelity(rows: Sequence[Row], num_queries: int, out: Path) -> tuple[Picture, ...]:
    """Draw a figure for each metric, with a line for each mechanism and denoiser, at one number of queries.

    Args:
        rows: of `fidelity`; those without a noise_std are drawn as levels.
        num_queries: those planned for in the rows drawn; a mechanism that releases once is drawn anyway.
        out: their folder.
    """
    levels = {row.name: row for row in rows if "noise_std" not in row.settings}
    noisy = [row for row in rows if "noise_std" in row.settings and row.settings["queries"] in {None, num_queries}]
    caption = (
        f"{num_queries:,} queries planned for; a mechanism that releases once answers any number. Bands: 95%, over prompts.\n"
        "A denoiser that changes nothing has no line of its own."
    )
    drawn = (
        draw_tradeoff(quantity, "eps", _lines(noisy, quantity.name), levels, caption, out / quantity.name, title)
        for quantity, title in TITLES.items()
    )
    return tuple(picture for picture in drawn if picture is not None)


def _lines(rows: Sequence[Row], metric: str) -> dict[str, list[tuple[float, Row]]]:
    """Return lines by label: releases as they are, and after the last denoiser, unless it changed nothing.

    More lines than these hide each other.
    """
    groups: dict[tuple[str, str], list[tuple[float, Row]]] = {}
    for row in rows:
        group = str(row.settings["mechanism"]), str(row.settings["denoiser"])
        groups.setdefault(group, []).append((float(row.settings["epsilon"] or 0), row))
    last, lines = [denoiser for _, denoiser in groups][-1:], {}
    for (mechanism, denoiser), points in groups.items():
        if denoiser == "none":
            lines[mechanism] = points
        elif [denoiser] == last and not _are_equal(points, groups.get((mechanism, "none"), []), metric):
            lines[f"{mechanism}, {denoiser}"] = points
    return lines


def _are_equal(points: Sequence[tuple[float, Row]], others: Sequence[tuple[float, Row]], metric: str) -> bool:
    before, after = ([m.value for _, row in line if (m := row.measurement(metric))] for line in (points, others))
    return len(before) == len(after) and np.allclose(before, after, atol=1e-6)
