"""What a private store has spent: read from the ledger beside it, checked, and capped. Loads no torch."""

from dataclasses import asdict, dataclass
from typing import Any

from dprdm.errors import LedgerError, UserError
from dprdm.privacy.accountant import EpsilonReport
from dprdm.privacy.budget import Budget
from dprdm.privacy.chain import LedgerRow
from dprdm.privacy.ledger import Ledger, create_ledger, ledger_exists
from dprdm.retrieval.store import PrivateStore


@dataclass(frozen=True)
class LedgerStatement:
    """The rows of a ledger, and what the store or one of its accounts has spent.

    Args:
        account: whose numbers these are; None: the whole store's.
        rows: those of the account; all where `account` is None.
        num_rows: of the whole ledger.
        spent: epsilon by every accountant, at the cap's delta.
        cap: of the account or of the store; None for an account without a cap of its own.
        remaining: epsilon that is left. Epsilons do not add up: somewhat more may fit.
    """

    account: str | None
    rows: tuple[LedgerRow, ...]
    num_rows: int
    spent: EpsilonReport
    cap: Budget | None
    remaining: float

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain values, without the rows."""
        return {
            "account": self.account,
            "spent": self.spent.to_json(),
            "epsilon": self.spent.epsilon,
            "remaining": self.remaining,
            "cap": None if self.cap is None else asdict(self.cap),
            "rows": self.num_rows,
        }


@dataclass(frozen=True)
class CapChange:
    """A cap that was set, and the one that held before; None where the ledger was made with it."""

    before: Budget | None
    after: Budget


def open_store_ledger(store: PrivateStore) -> Ledger:
    """Open the ledger of a store and check its chain. Raises LedgerError if there is none, or it does not hold."""
    return Ledger(store.ledger_path, store.fingerprint)


def read_statement(store: PrivateStore, account: str | None = None) -> LedgerStatement:
    """Return what a store, or one account of it, has spent. Raises LedgerError as `open_store_ledger` does."""
    ledger = open_store_ledger(store)
    rows = ledger.rows()
    shown = tuple(row for row in rows if account in (None, row.body.get("account")))
    return LedgerStatement(
        account, shown, len(rows), ledger.spent(account), ledger.cap(account), ledger.remaining(account)
    )


def verify_ledger(store: PrivateStore) -> tuple[LedgerRow, ...]:
    """Check the chain of a store's ledger from its first row to its last; return the rows.

    Raises:
        LedgerError: naming what does not hold.
    """
    return tuple(open_store_ledger(store).verify())


def set_cap(store: PrivateStore, epsilon: float, delta: float | None = None, account: str | None = None) -> CapChange:
    """Set the cap of a store or of one account; make the ledger if there is none yet.

    Args:
        store: whose cap.
        epsilon: that may be spent in all.
        delta: None: that of the cap so far, or 1 / number of units for the first one.
        account: a sub-budget; None: the whole store.
    Raises:
        UserError: if more is spent already, or an account's cap comes before the store's.
    """
    if not ledger_exists(store.ledger_path):
        if account is not None:
            raise UserError(f"Expected a cap for the whole store before one for {account}. Leave --account out first.")
        first = Budget(epsilon, 1 / store.num_units if delta is None else delta)
        create_ledger(store.ledger_path, store.fingerprint, first)
        return CapChange(None, first)
    ledger = open_store_ledger(store)
    before = ledger.cap(account) or ledger.cap()
    if before is None:
        raise LedgerError(f"The ledger {store.ledger_path} has no cap.")
    after = Budget(epsilon, before.delta if delta is None else delta)
    ledger.set_cap(after, account)
    return CapChange(before, after)
