"""`plan`: the noise for a budget, or whatever else is left out. Touches no data, and loads no torch."""

import json as json_format
from pathlib import Path

from dprdm import check
from dprdm.cli.plan_text import plan_text, search_text
from dprdm.errors import UserError
from dprdm.guarantee.statement import unit_in_words
from dprdm.registry import create
from dprdm.retrieval.store import PublicStore
from dprdm.types import ExistingFolder, MechanismName
from dprdm.workflows.solve_plan import PlanInputs, solve_by_rehearsal, solve_plan

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
    choose: ExistingFolder | None = None,
    public: ExistingFolder | None = None,
    plot: Path | None = None,
    mechanism: MechanismName = "gaussian",
) -> None:
    """Solve for the one of queries, eps, k, sampling_rate and noise_std that is left out; touches no data.

    Args:
        records: size of the collection.
        queries: number of prompts to be answered, fresh releases of one prompt counted each; of no matter to a mechanism
            that releases once.
        eps: epsilon of all of them together.
        delta: 1/records if left out, which makes the number of records public.
        k: neighbours averaged; the mechanism's usual ones if another is left out too.
        sampling_rate: chance of each record to be searched for a query; the mechanism's usual one if another is left out too.
        noise_std: standard deviation of the noise in each coordinate.
        max_per_person: most records that one person holds, where the unit of privacy is a person; without it, it is a record.
        dim: length of the vectors; says how large the noise is. 512 if left out, or what --choose finds.
        json: print one JSON object instead.
        choose: folder of a public store on which k and sampling_rate are rehearsed and the best are taken, for the given
            queries and eps; a k or sampling_rate that is given stays.
        public: folder of a public store on which the mechanism decides what it leaves open, as in `predict`; without it,
            that stands at its default.
        plot: folder for pictures of the plan and what lies around it, PNG and SVG.
        mechanism: by short name, built in or of an installed package; with its usual settings.
    """
    if delta is None and records is None:
        raise UserError("Expected --delta, or --records to take 1/records for it.")
    goal = check.open_unit(delta=delta) if delta is not None else 1 / check.at_least(2, records=records or 0)
    max_per_unit = 1 if max_per_person is None else check.at_least(1, max_per_person=max_per_person)
    inputs = PlanInputs(goal, eps, queries, noise_std, k, sampling_rate, max_per_unit)
    planned, retriever = create("mechanism", mechanism), create("retriever", "exact")
    rows = None if public is None else PublicStore(public)
    if choose is None:
        solved = solve_plan(planned, retriever, inputs, rows, records)
    else:
        solved = solve_by_rehearsal(planned, retriever, inputs, PublicStore(choose), rows, records)
    length = check.at_least(1, dim=dim or (USUAL_DIM if solved.search is None else solved.search.dim))
    pictures = []
    if plot is not None:
        from dprdm.figures.plan import write_plots

        pictures = write_plots(solved.plan, records, length, plot)
    if json:
        print(json_format.dumps(solved.to_json()))
        return
    texts = [] if solved.search is None else [search_text(solved.search)]
    texts.append(plan_text(solved, unit_in_words(max_per_person is not None, max_per_unit), length))
    texts += ["delta is 1/records: the number of records is treated as public."] if delta is None else []
    texts += [f"Drew {path} and .svg." for path in pictures]
    print(*texts, *(() if records is None else solved.warnings(records)), sep="\n")
