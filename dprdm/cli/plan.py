"""`plan`: the noise for a budget, or whatever else is left out. Touches no data, and loads no torch."""

import json as json_format
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dprdm import check
from dprdm.errors import UserError
from dprdm.privacy.budget import Budget
from dprdm.registry import known_plugins
from dprdm.release.plan import Plan, make_plan, plan_epsilon, plan_k, plan_num_queries, plan_sampling_rate
from dprdm.release.statement import unit_in_words
from dprdm.workflows.parameter_search import Choice, choice_text, choose_setting

USUAL_K = 20
USUAL_SAMPLING_RATE = 0.02
USUAL_DIM = 512


def plan(
    records: int | None = None,
    queries: int | None = None,
    eps: float | None = None,
    delta: float | None = None,
    k: int | None = None,
    sampling_rate: float | None = None,
    noise_std: float | None = None,
    max_per_person: int | None = None,
    dim: int | None = None,
    json: bool = False,
    choose: Path | None = None,
    plot: Path | None = None,
) -> None:
    """Solve for the one of queries, eps, k, sampling_rate and noise_std that is left out; touches no data.

    Args:
        records: size of the collection.
        queries: number of prompts to be answered, fresh releases of one prompt counted each.
        eps: epsilon of all of them together.
        delta: 1/records if left out, which makes the number of records public.
        k: neighbours averaged; 20 if another is left out too.
        sampling_rate: chance of each record to be searched for a query; 0.02 if another is left out too.
        noise_std: standard deviation of the noise in each coordinate.
        max_per_person: most records that one person holds, where the unit of privacy is a person; without it, it is a record.
        dim: length of the vectors; says how large the noise is. 512 if left out, or what --choose finds.
        json: print one JSON object instead.
        choose: folder of a public store on which k and sampling_rate are rehearsed and the best are taken, for the given
            queries and eps; a k or sampling_rate that is given stays.
        plot: folder for pictures of the plan and what lies around it, PNG and SVG.
    """
    given_delta = _delta(records, delta)
    max_per_unit = 1 if max_per_person is None else check.at_least(1, max_per_person=max_per_person)
    assumed: list[str] = []
    choice = None
    if choose is not None:
        choice = _choose(choose, queries, eps, given_delta, k, sampling_rate, noise_std, records, max_per_unit)
        k, sampling_rate, dim = choice.best.k, choice.best.sampling_rate, dim or choice.dim
    dim = check.at_least(1, dim=USUAL_DIM if dim is None else dim)
    if k is None and None in (queries, eps, sampling_rate, noise_std):
        k, assumed = USUAL_K, [f"k {USUAL_K}"]
    if sampling_rate is None and None in (queries, eps, noise_std):
        sampling_rate, assumed = USUAL_SAMPLING_RATE, [*assumed, f"sampling_rate {USUAL_SAMPLING_RATE}"]
    solved = _solve(queries, eps, given_delta, k, sampling_rate, noise_std, max_per_unit)
    summary = _summary(solved)
    pictures = [] if plot is None else _draw(solved, plot, records, dim)
    if json:
        rehearsed = {} if choice is None else {"rehearsed": [asdict(one) for one in choice.settings]}
        print(json_format.dumps({**summary, **rehearsed}))
    else:
        if choice is not None:
            print(choice_text(choice))
        print(_text(summary, unit_in_words(max_per_person is not None, max_per_unit), dim))
        notes = [f"Not given, so assumed: {', '.join(assumed)}."] if assumed else []
        notes += ["delta is 1/records: the number of records is treated as public."] if delta is None else []
        notes += [f"Drew {path} and .svg." for path in pictures]
        print("\n".join(notes + _warnings(summary, records)))


def _choose(
    store: Path,
    queries: int | None,
    eps: float | None,
    delta: float,
    k: int | None,
    sampling_rate: float | None,
    noise_std: float | None,
    records: int | None,
    max_per_person: int,
) -> Choice:
    if queries is None or eps is None or noise_std is not None:
        raise UserError("Expected --queries and --eps, and no --noise_std, with --choose: the noise is solved for.")
    mechanism = known_plugins("mechanism")["gaussian"]()
    return choose_setting(store, mechanism, Budget(eps, delta), queries, k, sampling_rate, records, max_per_person)


def _draw(solved: Plan, folder: Path, records: int | None, dim: int) -> list[Path]:
    from dprdm.figures.plan import write_plots

    return write_plots(solved, records, dim, folder)


def _delta(records: int | None, delta: float | None) -> float:
    if delta is not None:
        return check.open_unit(delta=delta)
    if records is None:
        raise UserError("Expected --delta, or --records to take 1/records for it.")
    return 1 / check.at_least(2, records=records)


def _solve(
    queries: int | None,
    eps: float | None,
    delta: float,
    k: int | None,
    sampling_rate: float | None,
    noise_std: float | None,
    max_per_person: int,
) -> Plan:
    """The plan with the one that is None solved for; with none of them None, checked."""
    given = {"queries": queries, "eps": eps, "k": k, "sampling_rate": sampling_rate, "noise_std": noise_std}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) > 1:
        raise UserError(f"Expected all but one of --queries, --eps and --noise_std; {', '.join(missing)} are missing.")
    # Where k or the sampling rate is solved for, the default stands in until it is.
    fields = {name: given[name] for name in ("k", "sampling_rate") if given[name] is not None}
    mechanism, retriever = known_plugins("mechanism")["gaussian"](**fields), known_plugins("retriever")["exact"]()
    match missing, queries, eps, noise_std:
        case ["eps"], int(), _, float():
            return plan_epsilon(mechanism, retriever, delta, queries, noise_std, max_per_person)
        case ["queries"], _, float(), float():
            return plan_num_queries(mechanism, retriever, Budget(eps, delta), noise_std, max_per_person)
        case ["k"], int(), float(), float():
            return plan_k(mechanism, retriever, Budget(eps, delta), queries, noise_std, max_per_person)
        case ["sampling_rate"], int(), float(), float():
            return plan_sampling_rate(mechanism, retriever, Budget(eps, delta), queries, noise_std, max_per_person)
    assert queries is not None
    assert eps is not None
    return make_plan(mechanism, retriever, Budget(eps, delta), queries, noise_std, max_per_person)


def _summary(plan: Plan) -> dict[str, Any]:
    costs = plan.epsilons()
    return {
        "epsilon": costs.epsilon,
        "epsilon_pld": costs.pld if math.isfinite(costs.pld) else None,
        "epsilon_rdp": costs.rdp if math.isfinite(costs.rdp) else None,
        "delta": plan.budget.delta,
        "noise_std": plan.noise_std,
        "noise_multiplier": plan.noise_multiplier,
        "sensitivity": plan.sensitivity,
        "k": plan.tuning.k,
        "sampling_rate": plan.tuning.sampling_rate,
        "num_queries": plan.num_queries,
    }


def _text(summary: dict[str, Any], unit: str, dim: int) -> str:
    pld, rdp = (_number(summary[name]) for name in ("epsilon_pld", "epsilon_rdp"))
    rows = {
        "queries": f"{summary['num_queries']}",
        "epsilon": f"{_number(summary['epsilon'])} at delta {summary['delta']:.4g}, add or remove {unit}",
        "  by PLD, RDP": f"{pld}, {rdp}",
        "k, sampling_rate": f"{summary['k']}, {summary['sampling_rate']:.6g}",
        "noise_std": f"{summary['noise_std']:.6g}",
        "sensitivity": f"{summary['sensitivity']:.6g}",
        "noise_multiplier": f"{summary['noise_multiplier']:.6g} (noise_std / sensitivity)",
        "expected error": f"{summary['noise_std'] * math.sqrt(dim):.3g}, the length of the noise in {dim} dimensions; "
        "the vectors have length 1",
    }
    return "\n".join(f"{name:18}{value}" for name, value in rows.items())


def _warnings(summary: dict[str, Any], records: int | None) -> list[str]:
    if records is None or summary["sampling_rate"] * records >= summary["k"]:
        return []
    sample = summary["sampling_rate"] * records
    return [
        f"Warning: a sample holds {sample:.3g} records on average, fewer than k = {summary['k']}; missing ones are "
        "zero rows. Use a larger sampling_rate or a smaller k."
    ]


def _number(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.5g}"
