"""What a store has spent, in one file beside it: paid before any noise is drawn, never refunded, never past its cap.

The ledger sees the releases that are made through it. It does not see other stores that share records, or copies of
this store made with their ledger. It composes releases whose settings (mechanism, noise, sampling rate) are fixed
without a look at earlier answers; queries may depend on them.
"""

from dataclasses import asdict
from pathlib import Path

from dprdm import check
from dprdm.errors import LedgerError, UserError
from dprdm.privacy import events
from dprdm.privacy.accountant import EpsilonReport, fits, report
from dprdm.privacy.budget import Budget
from dprdm.privacy.chain import Chain, LedgerRow, check_chain
from dprdm.privacy.spending import Chargeable, State, refusal

FORMAT = 1
DEFAULT_ACCOUNT = "default"


def ledger_exists(path: Path) -> bool:
    """Return whether there is a ledger at `path`. A file whose making was cut off is none: `create_ledger` begins it anew."""
    return Chain(Path(path)).exists()


class Ledger:
    """The ledger of one store. Every method opens the file, uses it and closes it.

    Args:
        path: the SQLite file; made by `create_ledger`.
        fingerprint: of the store; a ledger serves no other.
    Raises:
        LedgerError: if there is no ledger, it was tampered with, or it belongs to another store.
    Examples:
        >>> ledger = dprdm.Ledger(store.ledger_path, store.fingerprint)
        >>> ledger.cap()
        Budget(epsilon=5.0, delta=1e-05)
        >>> ledger.spent().epsilon == release.certificate.epsilon
        True
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._chain = Chain(Path(path))
        self.fingerprint = fingerprint
        if not self._chain.exists():
            raise LedgerError(
                f"Expected a ledger at {path}, and there is none. Set the store's cap with `main.py ledger cap`."
            )
        self.state()

    def charge(
        self, plan: Chargeable, num_queries: int, request_digest: str, account: str = DEFAULT_ACCOUNT
    ) -> LedgerRow:
        """Pay for `num_queries` answers. When this returns the charge is on the disk for good, and noise may be drawn.

        Args:
            request_digest: names what was asked, for the record.
            account: whose sub-budget pays, besides the store's cap.
        Returns:
            The row written. Keep its hash: it shows later whether the ledger was cut short.
        Raises:
            BudgetExceeded: if it would go past a cap; nothing was charged.
        Guarantee:
            - kill -9 at any point never refunds
              (tests/privacy/test_ledger_crash.py::test_hazard_14_kill_at_every_step).
            - Processes never both spend the last of a budget
              (tests/privacy/test_ledger_crash.py::test_hazard_14_a_race_has_one_winner).
            - No history goes past the cap (tests/privacy/test_ledger.py::test_random_histories_never_pass_the_cap).
        """
        check.at_least(1, num_queries=num_queries)
        event = plan.event(num_queries)
        body = {
            "account": account,
            "num_queries": num_queries,
            "request_digest": request_digest,
            "private": plan.is_private,
            "event": events.to_json(event),
            **plan.public_fields(),
        }
        with self._chain.writing() as writer:
            state = self._checked(writer.read())
            broken = state.broken_caps(event, account) if plan.is_private else []
            if not broken:
                return writer.append("charge", body, after=state.rows)
        raise refusal(state, plan, num_queries, broken[0])

    def require(self, plan: Chargeable, num_queries: int, account: str = DEFAULT_ACCOUNT) -> None:
        """Raise BudgetExceeded if `num_queries` answers would not fit now. Charges nothing."""
        state = self.state()
        broken = state.broken_caps(plan.event(num_queries), account) if plan.is_private else []
        if broken:
            raise refusal(state, plan, num_queries, broken[0])

    def set_cap(self, budget: Budget, account: str | None = None) -> None:
        """Set the cap of the store (None) or of an account. The change is a row of its own, for all to see.

        Raises:
            UserError: if more than that is spent already.
        """
        with self._chain.writing() as writer:
            state = self._checked(writer.read())
            if not fits(state.event(account), budget):
                spent = report(state.event(account), budget.delta).epsilon
                raise UserError(f"Expected a cap of at least what is spent, epsilon {spent:.4g}, got {budget}.")
            writer.append("cap", {"account": account, **asdict(budget)}, after=state.rows)

    def cap(self, account: str | None = None) -> Budget | None:
        """Return the cap of the store (None), or of an account, None if it has none of its own."""
        return self.state().cap(account)

    def spent(self, account: str | None = None, delta: float | None = None) -> EpsilonReport:
        """Return what the store (None) or an account has spent, at `delta` or its cap's. Non-private rows do not count."""
        state = self.state()
        cap = state.cap(account) or state.cap()
        assert cap is not None
        return report(state.event(account), delta or cap.delta)

    def remaining(self, account: str | None = None) -> float:
        """Return the cap's epsilon less what is spent. Epsilons do not add up: more may fit than this says, never less."""
        cap = self.cap(account) or self.cap()
        assert cap is not None
        return max(0.0, cap.epsilon - self.spent(account, cap.delta).epsilon)

    def rows(self) -> list[LedgerRow]:
        """Return all rows: the store's, the caps', the charges'."""
        return self.state().rows

    def verify(self, certified: tuple[int, str] | None = None) -> list[LedgerRow]:
        """Check the chain, the store it belongs to and, if given, that row `known[0]` still has the hash `known[1]`.

        Raises:
            LedgerError: naming what does not hold.
        """
        rows = self.state().rows
        if certified is not None and (certified[0] > len(rows) or rows[certified[0] - 1].hash != certified[1]):
            raise LedgerError(
                f"Row {certified[0]} of the ledger is not the one that was certified. Restore the ledger from a copy."
            )
        return rows

    def state(self) -> State:
        """Read the ledger once, and check it: rows, caps and what is spent, as of one instant."""
        return self._checked(self._chain.read())

    def _checked(self, rows: list[LedgerRow]) -> State:
        check_chain(rows)
        if not rows or rows[0].body != {"fingerprint": self.fingerprint, "format": FORMAT}:
            raise LedgerError(f"The ledger {self._chain.path} belongs to another store.")
        state = State(rows)
        if state.cap() is None:
            raise LedgerError(f"The ledger {self._chain.path} has no cap.")
        return state


def create_ledger(path: Path, fingerprint: str, cap: Budget) -> Ledger:
    """Make the ledger of a store, with its cap, in one step that other processes see whole or not at all.

    Raises:
        LedgerError: if there is one already, or stored releases say that there was one.
    """
    if any((Path(path).parent / "releases").glob("*.safetensors")) and not Chain(Path(path)).exists():
        raise LedgerError(
            f"The ledger {path} is missing, and this store has released before. Restore the ledger from a copy."
        )
    with Chain(Path(path)).writing(create=True) as writer:
        writer.make_table()
        if writer.read():
            raise LedgerError(f"There is a ledger at {path} already. Change its cap with `main.py ledger cap`.")
        first = writer.append("store", {"fingerprint": fingerprint, "format": FORMAT}, after=[])
        writer.append("cap", {"account": None, **asdict(cap)}, after=[first])
    return Ledger(path, fingerprint)
