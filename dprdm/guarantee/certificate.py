"""What a run promises, as JSON for `verify` and in plain words: written into the folder of every output."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dprdm
from dprdm.errors import UserError
from dprdm.files import read_json, write_text
from dprdm.guarantee.description import describe
from dprdm.guarantee.plan import Plan
from dprdm.guarantee.statement import NON_PRIVATE, PRIVATE, PUBLIC_ONLY, to_words, unit_in_words
from dprdm.privacy import events
from dprdm.privacy.accountant import EpsilonReport, report
from dprdm.privacy.ledger import Ledger

FORMAT = 1
JSON_NAME = "certificate.json"
WORDS_NAME = "certificate.md"
SOURCE = Path(__file__).resolve().parents[1]
GUARANTEED = ("privacy", "retrieval", "guarantee", "codebook", "public", "rivals", "plugins")


@dataclass(frozen=True)
class Certificate:
    """What an output promises, in public numbers.

    Args:
        status: "private", "reads no private record" (epsilon 0), or "NON-PRIVATE".
        epsilon: of all that this output holds, as charged; None where no finite one holds. `accountants` has every
            accountant's value.
        num_queries: distinct requests answered in this output.
        event: what was done, for the accountant.
        ledger: row and hash of the last payment, the cap, and what the store has spent in all; None where no private
            store was read.
        conditions_sha256: of the released vectors; empty where weights were released.
        release_sha256: of the file that answers later queries; None of a mechanism that releases for each query.
        weights: name and hash of the privately trained weights that this is of, or that images were drawn with.
    """

    status: str
    unit: str
    relation: str
    epsilon: float | None
    delta: float
    delta_is_default: bool
    num_queries: int
    mechanism: dict[str, Any]
    retriever: dict[str, Any]
    noise_std: float
    sensitivity: float
    noise_multiplier: float
    max_per_unit: int
    event: dict[str, Any]
    accountants: dict[str, Any]
    store_fingerprint: str
    ledger: dict[str, Any] | None
    conditions_sha256: str
    rng: str
    code_version: str
    created: str
    release_sha256: str | None = None
    weights: dict[str, str] | None = None
    format: int = FORMAT

    @property
    def store_spent(self) -> float | None:
        """Return the epsilon that the store has spent in all releases; None where no private store was read."""
        if self.ledger is None:
            return None
        spent = self.ledger["spent"]
        return min((value for value in (spent["pld"], spent["rdp"]) if value is not None), default=math.inf)

    def summary(self) -> str:
        """Return a sentence with epsilon of the output, of the store so far, and what is left of its cap."""
        if self.status == NON_PRIVATE:
            return f"{NON_PRIVATE}: this run carries no guarantee. Its images must not leave."
        if self.ledger is None or self.store_spent is None:
            return "Epsilon 0: no private record was read."
        cap = self.ledger["cap"]["epsilon"]
        return (
            f"Epsilon of this run: {self.epsilon:.4g} at delta {self.delta:.3g}. "
            f"Spent by the store: {self.store_spent:.4g} of {cap:g}; {max(0.0, cap - self.store_spent):.4g} is left."
        )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a certificate states of one output besides its plan.

    Args:
        num_queries: distinct requests in the output, those answered from stored releases included.
        store_fingerprint: of the store that was read.
        unit_is_person: what that store's manifest says; see `Manifest.unit_is_person`.
        ledger: entry of the private store's ledger (`ledger_entry`); None for a public store.
        rng: where the private randomness came from.
        conditions_sha256: of the file of released vectors.
        release_sha256: of the file that answers later queries, where there is one.
        prv: epsilon of the same event by an accountant that does not charge, for the record.
    """

    num_queries: int
    store_fingerprint: str
    unit_is_person: bool
    ledger: dict[str, Any] | None
    rng: str
    conditions_sha256: str
    release_sha256: str | None = None
    prv: float | None = None


def certify(plan: Plan, evidence: Evidence) -> Certificate:
    """Return the certificate of one output of a plan."""
    event = plan.event(evidence.num_queries) if plan.retriever.reads_private else events.compose([])
    costs = report(event, plan.budget.delta)
    return Certificate(
        status=PUBLIC_ONLY if not plan.retriever.reads_private else PRIVATE if plan.is_private else NON_PRIVATE,
        unit=unit_in_words(evidence.unit_is_person, plan.max_per_unit),
        relation="add or remove one unit",
        epsilon=costs.epsilon if math.isfinite(costs.epsilon) else None,
        delta=plan.budget.delta,
        delta_is_default=plan.delta_is_default,
        num_queries=evidence.num_queries,
        mechanism=describe(plan.mechanism),
        retriever=describe(plan.retriever),
        noise_std=plan.noise_std,
        sensitivity=plan.sensitivity,
        noise_multiplier=plan.noise_multiplier,
        max_per_unit=plan.max_per_unit,
        event=events.to_json(event),
        accountants={**costs.to_json(), "prv": evidence.prv},
        store_fingerprint=evidence.store_fingerprint,
        ledger=evidence.ledger,
        conditions_sha256=evidence.conditions_sha256,
        rng=evidence.rng,
        code_version=code_version(),
        created=now(),
        release_sha256=evidence.release_sha256,
    )


def certify_again(certificate: Certificate, num_queries: int, conditions_sha256: str) -> Certificate:
    """Return the certificate of an output computed from what another one certifies, without the private data."""
    return replace(certificate, num_queries=num_queries, conditions_sha256=conditions_sha256, created=now())


def write_certificate(certificate: Certificate, folder: Path) -> None:
    """Write certificate.json and certificate.md into `folder`, each whole or not at all."""
    write_text(folder / WORDS_NAME, to_words(asdict(certificate)))
    write_text(folder / JSON_NAME, json.dumps(asdict(certificate), indent=2) + "\n")


def read_certificate(folder: Path) -> Certificate:
    """Read the certificate in `folder`.

    Raises:
        UserError: if there is none, or it is damaged.
    """
    content = read_json(folder / JSON_NAME)
    try:
        return Certificate(**dict(content))
    except (TypeError, ValueError) as error:
        raise UserError(f"Expected a certificate in {folder / JSON_NAME}; it is damaged ({error}).") from error


def recompute(certificate: Certificate) -> EpsilonReport:
    """Compute epsilon from the certified event and delta, by this installation's accountants."""
    return report(events.from_json(certificate.event), certificate.delta)


def hash_sources() -> str:
    """Hash the source files that the guarantee rests on (SHA-256)."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in GUARANTEED for file in SOURCE.glob(f"{folder}/**/*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def code_version() -> str:
    """Return the version of the code, and a hash of the sources that the guarantee rests on."""
    return f"dprdm {dprdm.__version__}, sources {hash_sources()[:16]}"


def now() -> str:
    """Return the time, as certificates state it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def ledger_entry(ledger: Ledger | None) -> dict[str, Any] | None:
    """Return the last row of a ledger, its cap, and what is spent; None without a ledger."""
    if ledger is None:
        return None
    state = ledger.state()
    last, cap = state.rows[-1], state.cap()
    assert cap is not None  # a ledger has one
    spent = report(state.event(), cap.delta)
    return {"row": last.id, "hash": last.hash, "cap": asdict(cap), "spent": spent.to_json()}
