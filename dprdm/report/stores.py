"""What each store behind a report has spent: from its ledger where that is at hand, else from the certificates."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dprdm.errors import LedgerError, StoreError
from dprdm.guarantee.certificate import Certificate
from dprdm.guarantee.statement import PRIVATE
from dprdm.privacy import events
from dprdm.privacy.accountant import report
from dprdm.privacy.budget import Budget
from dprdm.privacy.chain import LedgerRow
from dprdm.privacy.ledger import Ledger
from dprdm.privacy.spending import State
from dprdm.report.attack_bounds import Promise
from dprdm.report.formatting import shortened
from dprdm.retrieval.store import LEDGER, MANIFEST, Manifest
from dprdm.runs.run_reader import RenderedRun


@dataclass(frozen=True)
class LedgerEntry:
    """One row of a ledger, what the store had spent after it (None where that did not change), and the runs it paid."""

    row: LedgerRow
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
    entries: tuple[LedgerEntry, ...]
    fault: str | None
    runs: tuple[str, ...]
    certified_row: int
    num_uncovered: int


def store_accounts(runs: Sequence[RenderedRun]) -> tuple[StoreAccount, ...]:
    """Return an account for each store that a run was released from; runs that read no private record have none."""
    by_store: dict[str, list[RenderedRun]] = {}
    for run in runs:
        if run.certificate.ledger is not None:
            by_store.setdefault(run.certificate.store_fingerprint, []).append(run)
    return tuple(_account(fingerprint, paid) for fingerprint, paid in by_store.items())


def store_folder(run: RenderedRun) -> Path | None:
    """Return where the run's config says that its private store is, if the store that was certified is there."""
    folder = Path(str(run.run.read_config().get("private_store") or ""))
    try:
        manifest = Manifest.read(folder / MANIFEST)
    except StoreError:
        return None
    return folder if manifest.fingerprint == run.certificate.store_fingerprint else None


def _account(fingerprint: str, runs: Sequence[RenderedRun]) -> StoreAccount:
    folder = next((folder for run in runs if (folder := store_folder(run)) is not None), None)
    rows, fault = ([], None) if folder is None else _read_ledger(folder, fingerprint, runs)
    latest = max((run.certificate for run in runs), key=lambda certificate: _payment(certificate)["row"])
    default_deltas = [run.certificate.delta for run in runs if run.certificate.delta_is_default]
    state = State(rows)
    cap = state.cap() or Budget(**_payment(latest)["cap"])
    return StoreAccount(
        name=fingerprint[:8] if folder is None else folder.name,
        fingerprint=fingerprint,
        cap=cap,
        promise=_promise(state, cap.delta) if rows else _certified_promise(latest),
        unit=latest.unit,
        records=round(1 / default_deltas[0]) if default_deltas else None,
        entries=tuple(_entries(rows, cap.delta, runs)),
        fault=fault,
        runs=tuple(run.folder.name for run in runs),
        certified_row=_payment(latest)["row"],
        num_uncovered=sum(row.kind == "charge" and not row.body["private"] for row in rows),
    )


def _payment(certificate: Certificate) -> dict[str, Any]:
    assert certificate.ledger is not None  # accounts are made of runs that paid
    return certificate.ledger


def _read_ledger(folder: Path, fingerprint: str, runs: Sequence[RenderedRun]) -> tuple[list[LedgerRow], str | None]:
    """Return the ledger's rows if they can be trusted, and else what is wrong."""
    try:
        ledger = Ledger(folder / LEDGER, fingerprint)
        for run in runs:
            payment = _payment(run.certificate)
            ledger.verify((payment["row"], payment["hash"]))
        return ledger.rows(), None
    except LedgerError as error:
        return [], shortened(str(error))


def _promise(state: State, delta: float) -> Promise:
    event = state.event()
    return Promise(report(event, delta).epsilon, delta, event)


def _certified_promise(latest: Certificate) -> Promise:
    """Return what the latest certificate says of the store. Its event is all only if that run is all that was released."""
    epsilon = math.inf if latest.store_spent is None else latest.store_spent
    is_whole = latest.epsilon is not None and epsilon <= latest.epsilon * (1 + 1e-9)
    event = events.from_json(latest.event) if is_whole and latest.status == PRIVATE else None
    return Promise(epsilon, _payment(latest)["spent"]["delta"], event)


def _entries(rows: Sequence[LedgerRow], delta: float, runs: Sequence[RenderedRun]) -> Iterator[LedgerEntry]:
    for count, row in enumerate(rows, start=1):
        is_paid = row.kind == "charge" and row.body["private"]
        spent = _promise(State(list(rows[:count])), delta).epsilon if is_paid else None
        paid = tuple(run.folder.name for run in runs if _payment(run.certificate)["row"] == row.id)
        yield LedgerEntry(row, spent, paid)
