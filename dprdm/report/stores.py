"""What each store behind a report has spent: from its ledger where that is at hand, else from the certificates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dprdm.errors import LedgerError, StoreError, UserError
from dprdm.privacy import events
from dprdm.privacy.accountant import report
from dprdm.privacy.budget import Budget
from dprdm.privacy.chain import Row
from dprdm.privacy.ledger import Ledger
from dprdm.privacy.spending import State
from dprdm.release.certificate import Certificate
from dprdm.report.attack_bounds import Promise
from dprdm.report.formatting import shortened
from dprdm.retrieval.store import MANIFEST, Manifest
from dprdm.runs.run_reader import RenderedRun

LEDGER = "ledger.sqlite"


@dataclass(frozen=True)
class Entry:
    """One row of a ledger, and what the store had spent once it was written (None where that did not change)."""

    row: Row
    spent: float | None
    runs: tuple[str, ...]


@dataclass(frozen=True)
class StoreAccount:
    """The budget of one store.

    Args:
        name: of the store's folder, or the beginning of its fingerprint.
        fingerprint: as certificates name it.
        cap: what may be spent.
        promise: what all of its releases promise together.
        unit: of privacy, as certified.
        records: how many units there are, where the default delta has made that public.
        entries: of the ledger, oldest first; empty where only certificates are at hand.
        fault: what is wrong with the ledger; None if its chain is unbroken and holds every certified row.
        has_ledger: whether the ledger itself was read.
        runs: which of the report's runs were paid here.
        certified_row: of the ledger, the last that a certificate names.
        num_uncovered: releases without noise that the ledger records; `promise` does not speak of them.
    """

    name: str
    fingerprint: str
    cap: Budget
    promise: Promise
    unit: str
    records: int | None
    entries: tuple[Entry, ...]
    fault: str | None
    has_ledger: bool
    runs: tuple[str, ...]
    certified_row: int
    num_uncovered: int


def store_accounts(runs: Sequence[RenderedRun]) -> tuple[StoreAccount, ...]:
    """One account for each store that a run was released from; runs that read no private record have none."""
    by_store: dict[str, list[RenderedRun]] = {}
    for run in runs:
        if run.certificate.ledger is not None:
            by_store.setdefault(run.certificate.store_fingerprint, []).append(run)
    return tuple(_account(found) for found in by_store.values())


def _account(runs: Sequence[RenderedRun]) -> StoreAccount:
    fingerprint = runs[0].certificate.store_fingerprint
    place = next((place for run in runs if (place := store_folder(run, fingerprint)) is not None), None)
    rows, fault = ([], None) if place is None else _rows(place, fingerprint, runs)
    latest = max((run.certificate for run in runs), key=lambda certificate: (certificate.ledger or {})["row"])
    public_count = [run.certificate.delta for run in runs if run.certificate.delta_is_default]
    return StoreAccount(
        name=fingerprint[:8] if place is None else place.name,
        fingerprint=fingerprint,
        cap=(State(rows).cap() if rows else None) or Budget(**(latest.ledger or {})["cap"]),
        promise=_promise(State(rows)) if rows else _certified(latest),
        unit=latest.unit,
        records=round(1 / public_count[0]) if public_count else None,
        entries=tuple(_entries(rows, runs)),
        fault=fault,
        has_ledger=bool(rows),
        runs=tuple(run.folder.name for run in runs),
        certified_row=(latest.ledger or {})["row"],
        num_uncovered=sum(row.kind == "charge" and not row.body["private"] for row in rows),
    )


def store_folder(run: RenderedRun, fingerprint: str) -> Path | None:
    """Where the run's config says that its private store is, if it is there, and is the one that was certified."""
    place = Path(str(run_config(run).get("private_store") or ""))
    try:
        return place if Manifest.read(place / MANIFEST).fingerprint == fingerprint else None
    except StoreError:
        return None


def run_config(run: RenderedRun) -> dict[str, Any]:
    """The run's config, empty where there is none. Raises UserError if it is damaged."""
    if not run.run.config.is_file():
        return {}
    try:
        content = yaml.safe_load(run.run.config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"Expected a config in {run.run.config}; the file is damaged.") from error
    return content if isinstance(content, dict) else {}


def _rows(place: Path, fingerprint: str, runs: Sequence[RenderedRun]) -> tuple[list[Row], str | None]:
    """The ledger's rows, if they can be trusted, and else what is wrong."""
    try:
        ledger = Ledger(place / LEDGER, fingerprint)
        for run in runs:
            entry = run.certificate.ledger or {}
            ledger.verify((entry["row"], entry["hash"]))
        return ledger.rows(), None
    except LedgerError as error:
        return [], shortened(str(error))


def _promise(state: State) -> Promise:
    cap, event = state.cap(), state.event()
    assert cap is not None  # a ledger without a cap is refused when it is opened
    return Promise(report(event, cap.delta).epsilon, cap.delta, event)


def _certified(latest: Certificate) -> Promise:
    """What the latest certificate says of the store. The event is known only where that run is all that the store released."""
    spent = (latest.ledger or {})["spent"]
    epsilon = min((value for value in (spent["pld"], spent["rdp"]) if value is not None), default=float("inf"))
    is_whole = latest.epsilon is not None and epsilon <= latest.epsilon * (1 + 1e-9)
    event = events.from_json(latest.event) if is_whole and latest.status == "private" else None
    return Promise(epsilon, spent["delta"], event)


def _entries(rows: list[Row], runs: Sequence[RenderedRun]) -> Iterable[Entry]:
    for count, row in enumerate(rows, start=1):
        paid = tuple(run.folder.name for run in runs if (run.certificate.ledger or {})["row"] == row.id)
        spent = None
        if row.kind == "charge" and row.body["private"]:
            state = State(rows[:count])
            cap = State(rows).cap()
            assert cap is not None
            spent = report(state.event(), cap.delta).epsilon
        yield Entry(row, spent, paid)
