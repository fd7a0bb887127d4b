"""Figures of a plan: what a query, a neighbour and a sample cost, and which settings are worth their noise."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dprdm.figures import plan_curves
from dprdm.figures.plan_curves import CostCurve, NoiseRegion
from dprdm.figures.style import ACCENT, ALERT, FAINT, INK, new_figure, use_plain_numbers
from dprdm.guarantee.plan import Plan

if TYPE_CHECKING:  # matplotlib is imported when something is drawn: `plan` alone answers without it
    from matplotlib.axes import Axes

# Epsilons and noise beyond these are of no use to anybody, and are cut off.
HIGHEST_EPSILON, NOISE_NORMS = 300, (1 / 30, 30)
K, SAMPLING_RATE = "k, neighbours averaged", "sampling_rate, chance of a record to be searched"
# By file name: the horizontal axis, how the title begins, the factor it speaks of, and the numbers.
COSTS: dict[str, tuple[str, str, float, Callable[[Plan], CostCurve]]] = {
    "epsilon_by_queries": ("queries answered", "Ten times the queries", 10, plan_curves.by_queries),
    "epsilon_by_k": (K, "Twice the neighbours, the same noise", 2, plan_curves.by_k),
    "epsilon_by_sampling_rate": (SAMPLING_RATE, "Twice the sampling rate", 2, plan_curves.by_sampling_rate),
}


def write_plots(plan: Plan, records: int | None, dim: int, folder: Path) -> list[Path]:
    """Draw a plan and what lies around it, as PNG and SVG; return the PNG files.

    Args:
        plan: of a mechanism with a k and a sampling rate.
        records: size of the collection; None leaves out the figure that needs it.
        dim: length of the vectors.
        folder: of the figures.
    """
    for name, cost in COSTS.items():
        _draw_cost(plan, *cost, folder / name)
    _draw_concept_density(plan, folder / "concept_density")
    names = [*COSTS, "concept_density"]
    if records is not None:
        _draw_feasible_region(plan, records, dim, folder / "feasible_region")
        names.append("feasible_region")
    return [folder / f"{name}.png" for name in names]


def _draw_cost(
    plan: Plan, horizontal: str, change: str, factor: float, numbers: Callable[[Plan], CostCurve], stem: Path
) -> None:
    curve = numbers(plan)
    before, after = curve.epsilon(), curve.epsilon(factor)
    caption = f"{_settings(plan)}; delta {plan.budget.delta:.3g}. Bounds at {len(curve.values)} points."
    with new_figure(f"{change}: epsilon {before:.3g} becomes {after:.3g}", caption, stem) as axes:
        axes.loglog(curve.values, curve.rdp, color=FAINT, linestyle="--", label="RDP, the paper's accountant")
        axes.loglog(curve.values, curve.pld, color=ACCENT, linewidth=2, label="PLD, the one charged where smaller")
        axes.plot(curve.planned, before, "o", color=ALERT, markersize=8, zorder=3, label="the plan")
        axes.set(xlabel=horizontal, ylabel="epsilon", ylim=(None, HIGHEST_EPSILON))
        axes.legend(frameon=False)
        use_plain_numbers(axes.xaxis, axes.yaxis)


def _draw_concept_density(plan: Plan, stem: Path) -> None:
    """Draw how common a concept must be for its images to be averaged at a bearable epsilon."""
    caption = (
        f"{plan.num_queries:,} queries, noise_std {plan.noise_std:.4g}. delta is 1/records on each line. k is the number of "
        "matches expected in a sample,\nrounded down; sampling_rate is the best one, found by RDP; epsilon there by PLD or "
        "RDP, the smaller."
    )
    shades, epsilon = ("#9ecae1", "#5a9fd0", "#2471b5", "#08386b"), plan.budget.epsilon
    with new_figure("Common concepts in large collections are cheap", caption, stem) as axes:
        for records, shade in zip(plan_curves.COLLECTIONS, shades, strict=True):
            epsilons = plan_curves.least_epsilons(plan, records)
            axes.loglog(plan_curves.densities(), epsilons, color=shade, linewidth=2, label=f"{records:,}")
        axes.axhline(epsilon, color=ALERT, linewidth=1, linestyle=":", label=f"the plan's epsilon, {epsilon:.3g}")
        axes.legend(title="records", frameon=False, loc="lower left", alignment="left")
        axes.set(xlabel="concept density: share of the records that match", ylabel="least epsilon")
        axes.set(xlim=(1e-6, 1e-1), ylim=(0.1, HIGHEST_EPSILON))
        use_plain_numbers(axes.xaxis, axes.yaxis)


def _draw_feasible_region(plan: Plan, records: int, dim: int, stem: Path) -> None:
    """Draw which k and sampling rate leave the noise shorter than the vectors."""
    region, budget = plan_curves.feasible_region(plan, records, dim), plan.budget
    caption = (
        f"epsilon {budget.epsilon:.4g} at delta {budget.delta:.3g}, {plan.num_queries:,} queries, {records:,} records, {dim} "
        "dimensions. Vectors have length 1.\nGrey: a sample holds fewer than k records. Noise solved by PLD or RDP at "
        f"{plan_curves.RATES} rates to {plan_curves.TOLERANCE:.0%}, interpolated."
    )
    with new_figure("Blue is worth asking for: the noise is shorter than the vectors", caption, stem) as axes:
        _draw_noise(axes, region)
        here = plan.tuning.sampling_rate, plan.tuning.k
        axes.plot(*here, "o", color=ALERT, markeredgecolor="white", markersize=9, linestyle="none", label="the plan")
        axes.set(xlabel=SAMPLING_RATE, ylabel=K)
        axes.legend(loc="upper left", frameon=False)


def _draw_noise(axes: "Axes", region: NoiseRegion) -> None:
    from matplotlib.colors import LogNorm

    axes.set_facecolor("#dddddd")
    grid = region.sampling_rates, region.ks, region.noise_norms
    mesh = axes.pcolormesh(*grid, cmap="RdYlBu_r", norm=LogNorm(*NOISE_NORMS), shading="nearest", rasterized=True)
    if np.nanmin(region.noise_norms) < 1 < np.nanmax(region.noise_norms):
        axes.contour(*grid, levels=[1.0], colors=INK, linewidths=1.5)
        axes.plot([], [], color=INK, linewidth=1.5, label="noise as long as the vectors")
    bar = axes.figure.colorbar(mesh, ax=axes, label="length of the noise: noise_std x sqrt(dimensions)", extend="both")
    bar.set_ticks([0.1, 1, 10], labels=["0.1", "1", "10"])
    axes.set(xscale="log", yscale="log")
    axes.grid(visible=False)
    use_plain_numbers(axes.xaxis, axes.yaxis)


def _settings(plan: Plan) -> str:
    tuning = plan.tuning
    return (
        f"The plan: {plan.num_queries:,} queries, k {tuning.k}, sampling_rate {tuning.sampling_rate:.4g}, "
        f"noise_std {plan.noise_std:.4g}"
    )
