"""The planner's pictures, as PNG and SVG: what a query, a neighbour and a sample cost, and what is worth asking for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dprdm.figures import plan_curves
from dprdm.figures.plan_curves import Curve, Region
from dprdm.figures.style import FAINT, FONT, HERE, INK, LINE, below, new_figure, plain_numbers, save_figure
from dprdm.release.plan import Plan

if TYPE_CHECKING:  # matplotlib is imported when something is drawn: `plan` alone answers without it
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Epsilons and noise beyond these are of no use to anybody, and are cut off.
HIGHEST_EPSILON, NOISE_NORMS = 300, (1 / 30, 30)
UNITS = {
    "queries": "queries answered",
    "k": "k, neighbours averaged",
    "sampling_rate": "sampling_rate, chance of a record to be searched",
}


@dataclass(frozen=True)
class Setting:
    """A plan with what only its pictures need: the size of the collection, if it was given, and of the vectors."""

    plan: Plan
    records: int | None
    dim: int


def write_plots(setting: Setting, folder: Path) -> list[Path]:
    """Draw all that the setting allows into `folder`; return the PNG files. Each lies beside an SVG of the same name."""
    import matplotlib

    drawings: dict[str, Callable[[Setting], Figure]] = {
        "epsilon_by_queries": draw_queries,
        "epsilon_by_k": draw_k,
        "epsilon_by_sampling_rate": draw_sampling_rate,
        "concept_density": draw_concept_density,
    }
    if setting.records is not None:
        drawings["feasible_region"] = draw_feasible_region
    with matplotlib.rc_context(FONT):
        return [save_figure(draw(setting), folder / name) for name, draw in drawings.items()]


def draw_queries(setting: Setting) -> "Figure":
    """What more queries cost."""
    curve, caption = plan_curves.by_queries(setting.plan), _caption(setting, "k", "sampling_rate", "noise_std")
    return _draw_curve("Ten times the queries", 10, "queries", curve, caption)


def draw_k(setting: Setting) -> "Figure":
    """What more neighbours save."""
    curve, caption = plan_curves.by_k(setting.plan), _caption(setting, "queries", "sampling_rate", "noise_std")
    return _draw_curve("Twice the neighbours, the same noise", 2, "k", curve, caption)


def draw_sampling_rate(setting: Setting) -> "Figure":
    """What larger samples cost."""
    curve, caption = plan_curves.by_sampling_rate(setting.plan), _caption(setting, "queries", "k", "noise_std")
    return _draw_curve("Twice the sampling rate", 2, "sampling_rate", curve, caption)


def draw_concept_density(setting: Setting) -> "Figure":
    """How common a concept must be for its images to be averaged at a bearable epsilon."""
    figure, axes = new_figure("Common concepts in large collections are cheap")
    shades = ("#9ecae1", "#5a9fd0", "#2471b5", "#08386b")
    for records, shade in zip(plan_curves.COLLECTIONS, shades, strict=True):
        epsilons = plan_curves.least_epsilons(setting.plan, records)
        axes.loglog(plan_curves.densities(), epsilons, color=shade, linewidth=2)
        axes.lines[-1].set_label(f"{records:,}")
    epsilon = setting.plan.budget.epsilon
    axes.axhline(epsilon, color=HERE, linewidth=1, linestyle=":", label=f"the plan's epsilon, {epsilon:.3g}")
    axes.legend(title="records", frameon=False, loc="lower left", alignment="left")
    axes.set(xlabel="concept density: share of the records that match", ylabel="least epsilon")
    axes.set(xlim=(1e-6, 1e-1), ylim=(0.1, HIGHEST_EPSILON))
    for axis in (axes.xaxis, axes.yaxis):
        plain_numbers(axis)
    below(
        figure,
        f"{_caption(setting, 'queries', 'noise_std')}. delta is 1/records on each line. k is the number of matches "
        "expected in a sample,\nrounded down; sampling_rate is the best one, found by RDP; epsilon there by PLD or RDP, "
        "the smaller.",
    )
    return figure


def draw_feasible_region(setting: Setting) -> "Figure":
    """Which k and sampling rate leave the noise shorter than the vectors."""
    assert setting.records is not None
    region = plan_curves.feasible_region(setting.plan, setting.records, setting.dim)
    figure, axes = new_figure("Blue is worth asking for: the noise is shorter than the vectors")
    _heat(figure, axes, region)
    tuning = setting.plan.tuning
    axes.plot(
        tuning.sampling_rate,
        tuning.k,
        "o",
        color=HERE,
        markeredgecolor="white",
        markersize=9,
        linestyle="none",
        label="the plan",
    )
    axes.set(xlabel=UNITS["sampling_rate"], ylabel=UNITS["k"])
    axes.legend(loc="upper left", frameon=False)
    budget = setting.plan.budget
    below(
        figure,
        f"epsilon {budget.epsilon:.4g} at delta {budget.delta:.3g}, {setting.plan.num_queries:,} queries, "
        f"{setting.records:,} records, {setting.dim} dimensions. Vectors have length 1.\nGrey: a sample holds fewer than k "
        f"records. Noise solved by PLD or RDP at {plan_curves.RATES} rates to {plan_curves.TOLERANCE:.0%}, interpolated.",
    )
    return figure


def _draw_curve(what: str, factor: float, name: str, curve: Curve, caption: str) -> "Figure":
    here, there = curve.epsilon(), curve.epsilon(factor)
    figure, axes = new_figure(f"{what}: epsilon {here:.3g} becomes {there:.3g}")
    axes.loglog(curve.values, curve.rdp, color=FAINT, linestyle="--", label="RDP, the paper's accountant")
    axes.loglog(curve.values, curve.pld, color=LINE, linewidth=2, label="PLD, the one charged where smaller")
    axes.plot(curve.here, here, "o", color=HERE, markersize=8, zorder=3, label="the plan")
    axes.set(xlabel=UNITS[name], ylabel="epsilon", ylim=(None, HIGHEST_EPSILON))
    axes.legend(frameon=False)
    for axis in (axes.xaxis, axes.yaxis):
        plain_numbers(axis)
    below(figure, caption)
    return figure


def _heat(figure: "Figure", axes: "Axes", region: Region) -> None:
    from matplotlib.colors import LogNorm

    axes.set_facecolor("#dddddd")
    grid = region.sampling_rates, region.ks, region.noise_norms
    mesh = axes.pcolormesh(*grid, cmap="RdYlBu_r", norm=LogNorm(*NOISE_NORMS), shading="nearest", rasterized=True)
    if np.nanmin(region.noise_norms) < 1 < np.nanmax(region.noise_norms):
        axes.contour(*grid, levels=[1.0], colors=INK, linewidths=1.5)
        axes.plot([], [], color=INK, linewidth=1.5, label="noise as long as the vectors")
    bar = figure.colorbar(mesh, ax=axes, label="length of the noise: noise_std x sqrt(dimensions)", extend="both")
    bar.set_ticks([0.1, 1, 10], labels=["0.1", "1", "10"])
    axes.set(xscale="log", yscale="log")
    axes.grid(visible=False)
    for axis in (axes.xaxis, axes.yaxis):
        plain_numbers(axis)


def _caption(setting: Setting, *names: str) -> str:
    plan = setting.plan
    known = {
        "queries": f"{plan.num_queries:,} queries",
        "k": f"k {plan.tuning.k}",
        "sampling_rate": f"sampling_rate {plan.tuning.sampling_rate:.4g}",
        "noise_std": f"noise_std {plan.noise_std:.4g}",
    }
    text = ", ".join(known[name] for name in names)
    return text if len(names) == 2 else f"{text}; delta {plan.budget.delta:.3g}. Bounds at {plan_curves.POINTS} points."
