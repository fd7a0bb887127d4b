"""What the rows of a ledger add up to, and what to say when a charge does not fit."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from dp_accounting.dp_event import DpEvent

from dprdm.errors import BudgetExceeded, UserError
from dprdm.privacy import events
from dprdm.privacy.accountant import fits, report
from dprdm.privacy.budget import Budget
from dprdm.privacy.calibration import calibrate, largest_count
from dprdm.privacy.chain import LedgerRow


@runtime_checkable
class Chargeable(Protocol):
    """What a ledger charges for: `privacy.plan.Plan` is one."""

    @property
    def is_private(self) -> bool:
        """False for a release outside the guarantee."""

    @property
    def noise_std(self) -> float:
        """The noise of the release."""

    def event(self, num_queries: int | None = None) -> DpEvent:
        """Return the event of `num_queries` answers."""

    def with_noise_std(self, noise_std: float) -> "Chargeable":
        """Return the same plan with other noise."""

    def public_fields(self) -> dict[str, Any]:
        """Return what is released, in plain values."""


@dataclass(frozen=True)
class State:
    """What the rows add up to."""

    rows: list[LedgerRow]

    def cap(self, account: str | None = None) -> Budget | None:
        """Return the last cap set for an account, or, with None, for the whole store; None where there is none."""
        bodies = [row.body for row in self.rows if row.kind == "cap" and row.body["account"] == account]
        return Budget(bodies[-1]["epsilon"], bodies[-1]["delta"]) if bodies else None

    def event(self, account: str | None = None) -> DpEvent:
        """Return all private charges of an account, or, with None, of the whole store."""
        charges = [row.body for row in self.rows if row.kind == "charge" and row.body["private"]]
        return events.compose(events.from_json(body["event"]) for body in charges if account in (None, body["account"]))

    def with_event(self, event: DpEvent, account: str | None) -> DpEvent:
        """Return the composed event after one more charge."""
        return events.compose([self.event(account), event])

    def broken_caps(self, event: DpEvent, account: str) -> list[str | None]:
        """Return the accounts whose caps one more charge would break; None stands for the store's."""
        caps = {name: self.cap(name) for name in (None, account)}
        return [name for name, cap in caps.items() if cap is not None and not fits(self.with_event(event, name), cap)]


def refusal(state: State, plan: Chargeable, num_queries: int, account: str | None) -> BudgetExceeded:
    """Return the error for a charge that breaks a cap: what it needs, what is left, and what would fit."""
    cap = state.cap(account)
    assert cap is not None
    needed = report(state.with_event(plan.event(num_queries), account), cap.delta).epsilon
    spent = report(state.event(account), cap.delta).epsilon
    most = largest_count(lambda count: state.with_event(plan.event(count), account), cap) if num_queries > 1 else 0
    ways = [f"ask for at most {most} such queries"] if most else []
    ways += _enough_noise(state, plan, num_queries, account, cap)
    advice = ", ".join([*ways, "or raise the cap with `main.py ledger cap`"]).removeprefix("or ")
    whose = f"the account {account}" if account else "the store"
    request = f"{num_queries} queries take" if num_queries > 1 else "One query takes"
    return BudgetExceeded(
        f"{request} {whose} to epsilon {needed:.4g} at delta {cap.delta:.4g}; "
        f"{spent:.4g} of {cap.epsilon:.4g} is spent. {advice[0].upper()}{advice[1:]}."
    )


def _enough_noise(state: State, plan: Chargeable, num_queries: int, account: str | None, cap: Budget) -> list[str]:
    def after(noise_std: float) -> DpEvent:
        return state.with_event(plan.with_noise_std(noise_std).event(num_queries), account)

    try:
        return [f"use noise_std {_rounded_up(calibrate(after, cap, plan.noise_std, tolerance=1e-3)):g}"]
    except UserError:
        return []


def _rounded_up(value: float) -> float:
    """To three digits, never down."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.ceil(value / unit) * unit
