"""`ledger`: what a private store has spent, whether its record holds, and its cap."""

import json as json_format
from pathlib import Path
from typing import Any, Literal

from dprdm.errors import LedgerError, UserError
from dprdm.privacy.budget import Budget
from dprdm.privacy.chain import Row
from dprdm.privacy.ledger import Ledger, create_ledger, ledger_exists
from dprdm.retrieval.store import PrivateStore


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
    opened = PrivateStore(store, check=False)
    if action == "cap":
        print(_set_cap(opened, eps, delta, account))
        return
    if eps is not None or delta is not None:
        raise UserError("Expected --eps and --delta with `ledger cap` only.")
    records = Ledger(opened.ledger_path, opened.fingerprint)
    if action == "verify":
        if account is not None:
            raise UserError("Expected no --account with `ledger verify`: the whole ledger is one chain. Leave it out.")
        print(f"{len(records.verify())} rows, chained and unbroken; the last is {records.rows()[-1].hash}.")
    else:
        _show(records, account, json)


def _set_cap(store: PrivateStore, eps: float | None, delta: float | None, account: str | None) -> str:
    if eps is None:
        raise UserError("Expected --eps with `ledger cap`.")
    if not ledger_exists(store.ledger_path):
        if account is not None:
            raise UserError(f"Expected a cap for the whole store before one for {account}. Leave --account out first.")
        cap = Budget(eps, 1 / store.num_units if delta is None else delta)
        create_ledger(store.ledger_path, store.fingerprint, cap)
        return f"Made {store.ledger_path}; its cap is {cap}."
    records = Ledger(store.ledger_path, store.fingerprint)
    before = records.cap(account) or records.cap()
    if before is None:
        raise LedgerError(f"The ledger {store.ledger_path} has no cap.")
    cap = Budget(eps, before.delta if delta is None else delta)
    records.set_cap(cap, account)
    return f"The cap of {account or 'the store'} is now {cap}; it was {before}."


def _show(records: Ledger, account: str | None, json: bool) -> None:
    spent, cap, remaining = records.spent(account), records.cap(account), records.remaining(account)
    if json:
        summary = {"account": account, "spent": spent.to_json(), "epsilon": spent.epsilon, "remaining": remaining}
        limits = None if cap is None else {"epsilon": cap.epsilon, "delta": cap.delta}
        print(json_format.dumps({**summary, "cap": limits, "rows": len(records.rows())}))
        return
    for row in records.rows():
        if account in (None, row.body.get("account")):
            print(f"{row.id:6}  {row.time}  {_line(row)}")
    print(f"Spent: epsilon {spent.epsilon:.5g} at delta {spent.delta:.4g} (PLD {spent.pld:.5g}, RDP {spent.rdp:.5g}).")
    print(f"Cap: {cap if cap else 'none of its own'}. Left: {remaining:.5g}, or somewhat more: epsilons do not add up.")


def _line(row: Row) -> str:
    body: dict[str, Any] = row.body
    match row.kind:
        case "store":
            return f"store {body['fingerprint']}"
        case "cap":
            return f"cap of {body['account'] or 'the store'}: epsilon {body['epsilon']:g} at delta {body['delta']:.4g}"
    mark = "" if body["private"] else "  NON-PRIVATE, outside the guarantee"
    what = f"{body['mechanism']['name']}, noise_std {body['noise_std']:.4g}"
    return f"{body['num_queries']} queries, {what}, account {body['account']}{mark}"
