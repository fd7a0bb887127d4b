"""How the commands show what was audited and measured."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dprdm.audit.mutants import Catch
from dprdm.cli import Console
from dprdm.privacy.budget import Budget
from dprdm.runs.results import FILE, Measurement, Results
from dprdm.workflows.audit_mechanism import AuditedPlan


def audit_text(audited: AuditedPlan) -> str:
    """Return the claim, what the attack showed at each delta, and the verdict."""
    plan, report = audited.plan, audited.report
    lines = [
        f"Claimed of one query: {Budget(plan.epsilons().epsilon, plan.budget.delta)}; {plan.mechanism}, noise_std "
        f"{plan.noise_std:.5g}.",
        f"Attacked by {report.trials} releases with a canary and {report.trials} without.",
        f"\n{'delta':>8}  {'claimed epsilon':>15}  {'epsilon shown to be at least':>28}",
        *(f"{at.delta:8.3g}  {at.claimed:15.4f}  {at.shown:28.4f}" for at in report.findings),
    ]
    verdict = "The attack shows no more than is claimed. That is no proof: the proof is the accountant's."
    if report.is_violation:
        verdict = f"VIOLATED: at delta {report.worst.delta:g} more shows than is claimed."
    return "\n".join([*lines, f"\n{verdict} Confidence {report.confidence:.6g}, for all rows together."])


def catch_text(catch: Catch) -> str:
    """Return what became of a mutant, one line for each that should catch it."""
    catchers = [] if catch.is_caught else ["NOT CAUGHT"]
    if catch.report is not None:
        worst = catch.report.worst
        sign = ">" if worst.is_violation else "<="
        catchers.append(f"audit: epsilon {worst.shown:.2f} {sign} {worst.claimed:.2f} claimed at delta {worst.delta:g}")
    if catch.refusal is not None:
        catchers.append(f"guard: {catch.refusal or 'did not refuse'}")
    first, *more = catchers
    lines = [f"{catch.mutant.name:40} {catch.mutant.hazard or '-':>6}  {first}", *(f"{'':49}{text}" for text in more)]
    return "\n".join(lines)


def print_results(results: Results, folder: Path) -> None:
    """Print every number of every row, the notes, and where results and pictures lie in `folder`."""
    width = max(len(row.name) for row in results.rows)
    for row in results.rows:
        print(f"{row.name:{width}}  " + "  ".join(map(_number_text, row.measurements)))
    print("", *results.notes, f"Written: {folder / FILE}", sep="\n")
    for picture in results.pictures:
        print(f"  {folder / picture.file}")


def _number_text(number: Measurement) -> str:
    interval = "" if number.low is None else f" [{number.low:.3f}, {number.high:.3f}]"
    return f"{number.metric} {number.value:.3f}{interval}"


@contextmanager
def warnings_only() -> Iterator[None]:
    """Print only the warnings of what the library logs."""
    consoles = [handler for handler in logging.getLogger("dprdm").handlers if isinstance(handler, Console)]
    for console in consoles:
        console.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for console in consoles:
            console.setLevel(logging.NOTSET)
