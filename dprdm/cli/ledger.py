"""`ledger`: what a private store has spent, whether its record holds, and its cap."""

import json as json_format
from pathlib import Path
from typing import Any, Literal

from dprdm.errors import UserError
from dprdm.privacy.chain import LedgerRow
from dprdm.retrieval.store import PrivateStore
from dprdm.workflows.store_ledger import LedgerStatement, read_statement, set_cap, verify_ledger


def ledger(
    action: Literal["show", "verify", "cap"],
    store: Path,
    eps: float | None = None,
    delta: float | None = None,
    account: str | None = None,
    json: bool = False,
) -> None:
    """Show what a private store has spent, verify its ledger, or set its cap.

    Args:
        action: show, verify or cap.
        store: folder of the private store.
        eps: with `cap`: the new epsilon.
        delta: with `cap`: the new delta; the old one, or 1/records, if left out.
        account: with `show` and `cap`: a sub-budget instead of the whole store.
        json: with `show`: print one JSON object.
    """
    private = PrivateStore(store, check=False)
    if action == "cap":
        print(_set_cap(private, eps, delta, account))
    elif eps is not None or delta is not None:
        raise UserError("Expected --eps and --delta with `ledger cap` only.")
    elif action == "verify" and account is not None:
        raise UserError("Expected no --account with `ledger verify`: the whole ledger is one chain. Leave it out.")
    elif action == "verify":
        rows = verify_ledger(private)
        print(f"{len(rows)} rows, chained and unbroken; the last is {rows[-1].hash}.")
    else:
        statement = read_statement(private, account)
        print(json_format.dumps(statement.to_json()) if json else _statement_text(statement))


def _set_cap(store: PrivateStore, eps: float | None, delta: float | None, account: str | None) -> str:
    if eps is None:
        raise UserError("Expected --eps with `ledger cap`.")
    change = set_cap(store, eps, delta, account)
    if change.before is None:
        return f"Made {store.ledger_path}; its cap is {change.after}."
    return f"The cap of {account or 'the store'} is now {change.after}; it was {change.before}."


def _statement_text(statement: LedgerStatement) -> str:
    spent, cap = statement.spent, statement.cap
    lines = [f"{row.id:6}  {row.time}  {_row_text(row)}" for row in statement.rows]
    lines += [
        f"Spent: epsilon {spent.epsilon:.5g} at delta {spent.delta:.4g} (PLD {spent.pld:.5g}, RDP {spent.rdp:.5g}).",
        f"Cap: {cap or 'none of its own'}. Left: {statement.remaining:.5g}, or somewhat more: epsilons do not add up.",
    ]
    return "\n".join(lines)


def _row_text(row: LedgerRow) -> str:
    body: dict[str, Any] = row.body
    match row.kind:
        case "store":
            return f"store {body['fingerprint']}"
        case "cap":
            return f"cap of {body['account'] or 'the store'}: epsilon {body['epsilon']:g} at delta {body['delta']:.4g}"
    mark = "" if body["private"] else "  NON-PRIVATE, outside the guarantee"
    release = f"{body['mechanism']['name']}, noise_std {body['noise_std']:.4g}"
    return f"{body['num_queries']} queries, {release}, account {body['account']}{mark}"
