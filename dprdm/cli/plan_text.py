"""How `plan` shows what was solved for and what was rehearsed."""

import math
from collections.abc import Iterator

from dprdm.workflows.parameter_search import ParameterSearch
from dprdm.workflows.solve_plan import SolvedPlan

BEST = 6  # rehearsed settings that are shown


def plan_text(solved: SolvedPlan, unit: str, dim: int) -> str:
    """Return the plan as lines of a name and a value each, and what was assumed.

    Args:
        solved: the plan.
        unit: of privacy, in words.
        dim: length of the vectors.
    """
    plan, costs, tuning = solved.plan, solved.plan.epsilons(), solved.plan.mechanism.tuning
    rows = {
        "mechanism": plan.mechanism.name,
        "queries": "any number: one release answers them all" if solved.releases_once else f"{plan.num_queries}",
        "epsilon": f"{_number(costs.epsilon)} at delta {plan.budget.delta:.4g}, add or remove {unit}",
        "  by PLD, RDP": f"{_number(costs.pld)}, {_number(costs.rdp)}",
    }
    if tuning is not None:
        rows["k, sampling_rate"] = f"{tuning.k}, {tuning.sampling_rate:.6g}"
    rows |= {
        "noise_std": f"{plan.noise_std:.6g}",
        "sensitivity": f"{plan.sensitivity:.6g}",
        "noise_multiplier": f"{plan.noise_multiplier:.6g} (noise_std / sensitivity)",
    }
    if not solved.releases_once:
        rows["expected error"] = (
            f"{plan.noise_std * math.sqrt(dim):.3g}, the length of the noise in {dim} dimensions; the vectors have length 1"
        )
    lines = [f"{name:18}{value}" for name, value in rows.items()]
    if solved.assumed:
        values = ", ".join(f"{name} {value:g}" for name, value in solved.assumed.items())
        lines.append(f"Not given, so assumed: {values}.")
    return "\n".join(lines)


def search_text(search: ParameterSearch) -> str:
    """Return the best settings as a table, what they were measured on, and what that leaves open."""
    best = search.settings[0]
    return "\n".join(
        [
            f"Rehearsed on {search.rows} public rows of {search.store}, {search.queries} of them as queries: the cosine between",
            f"what is released and the mean of the {search.target_k} nearest of all. No private record was read: it costs "
            "nothing.",
            "",
            f"{'k':>6}  {'sampling_rate':>13}  {'noise_std':>9}  {'cosine':>15}  {'without noise':>13}",
            *_best_rows(search),
            "",
            *_size_note(search),
            f"Chosen: k {best.k}, sampling_rate {best.sampling_rate:g}.",
            "",
        ]
    )


def _best_rows(search: ParameterSearch) -> Iterator[str]:
    for setting in search.settings[:BEST]:
        yield (
            f"{setting.k:6}  {setting.sampling_rate:13g}  {setting.noise_std:9.4g}  "
            f"{setting.cosine:6.3f} +- {setting.standard_error:5.3f}  {setting.without_noise:13.3f}"
        )


def _size_note(search: ParameterSearch) -> list[str]:
    if search.records is None or 0.5 <= search.records / search.rows <= 2:
        return []
    where = "nearer" if search.records > search.rows else "farther away"
    return [f"Your collection has {search.records} records: its neighbours lie {where} than the rehearsed ones."]


def _number(value: float) -> str:
    return f"{value:.5g}" if math.isfinite(value) else "infinite"
