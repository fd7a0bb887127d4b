"""What a run promises, as JSON for `verify` and in plain words: written beside every output."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dprdm
from dprdm.errors import UserError
from dprdm.files import hash_file, read_json, write_text
from dprdm.privacy import events
from dprdm.privacy.accountant import EpsilonReport, report
from dprdm.privacy.ledger import Ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.release.description import describe
from dprdm.release.plan import Plan
from dprdm.release.statement import to_words, unit_in_words

FORMAT = 1
JSON_NAME = "certificate.json"
WORDS_NAME = "certificate.md"
SOURCE = Path(__file__).resolve().parents[1]
GUARANTEED = ("privacy", "retrieval", "release", "codebook", "public", "rivals", "plugins")


@dataclass(frozen=True)
class Certificate:
    """Public numbers only. `epsilon` is None where no finite one holds; `ledger` is None where no private store was
    read.

    Args:
        status: "private", "reads no private record" (epsilon 0), or "NON-PRIVATE".
        epsilon: of all that this output holds, as charged; `accountants` has every accountant's value.
        num_queries: distinct requests answered in this output.
        event: what was done, for the accountant.
        ledger: row and hash of the last payment, the cap, and what the store has spent in all.
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

    def to_json(self) -> str:
        """As it stands on disk."""
        return json.dumps(asdict(self), indent=2)


def certify(
    plan: Plan,
    store_fingerprint: str,
    num_queries: int,
    noise: SecureNoise,
    ledger: Ledger | None,
    conditions: Path,
    delta_is_default: bool,
    unit_is_person: bool,
    cross_checks: Mapping[str, float | None] | None = None,
    release: Path | None = None,
) -> Certificate:
    """The certificate of one output.

    Args:
        num_queries: distinct requests in the output, those answered from stored releases included.
        ledger: of the private store; None for a public one.
        conditions: the file of released vectors; its hash is certified.
        unit_is_person: what the store's manifest says; see `Manifest.unit_is_person`.
        cross_checks: what accountants that do not charge say of the same event, by name.
        release: the file that answers later queries, where there is one; its hash is certified as well.
        delta_is_default: whether delta is 1/num_records because nobody set it, which makes the row count public.
    """
    event = plan.event(num_queries) if plan.retriever.reads_private else events.compose([])
    costs = report(event, plan.budget.delta)
    return Certificate(
        status=_status(plan),
        unit=unit_in_words(unit_is_person, plan.max_per_unit),
        relation="add or remove one unit",
        epsilon=costs.epsilon if math.isfinite(costs.epsilon) else None,
        delta=plan.budget.delta,
        delta_is_default=delta_is_default,
        num_queries=num_queries,
        mechanism=describe(plan.mechanism),
        retriever=describe(plan.retriever),
        noise_std=plan.noise_std,
        sensitivity=plan.sensitivity,
        noise_multiplier=plan.noise_multiplier,
        max_per_unit=plan.max_per_unit,
        event=events.to_json(event),
        accountants={**costs.to_json(), **(cross_checks or {})},
        store_fingerprint=store_fingerprint,
        ledger=ledger_entry(ledger),
        conditions_sha256=hash_file(conditions),
        rng=noise.source,
        code_version=code_version(),
        created=now(),
        release_sha256=None if release is None else hash_file(release),
    )


def certify_again(certificate: Certificate, num_queries: int, conditions: Path) -> Certificate:
    """The certificate of an output that was computed from what another one certifies, without the private data."""
    return replace(certificate, num_queries=num_queries, conditions_sha256=hash_file(conditions), created=now())


def write_certificate(certificate: Certificate, folder: Path) -> None:
    """Write certificate.json and certificate.md into `folder`, each whole or not at all."""
    write_text(folder / WORDS_NAME, to_words(asdict(certificate)))
    write_text(folder / JSON_NAME, certificate.to_json() + "\n")


def read_certificate(folder: Path) -> Certificate:
    """The certificate in `folder`.

    Raises:
        UserError: if there is none, or it is damaged.
    """
    content = read_json(folder / JSON_NAME)
    try:
        return Certificate(**dict(content))
    except (TypeError, ValueError) as error:
        raise UserError(f"Expected a certificate in {folder / JSON_NAME}; it is damaged ({error}).") from error


def recompute(certificate: Certificate) -> EpsilonReport:
    """Epsilon from the certified event and delta, by this installation's accountants."""
    return report(events.from_json(certificate.event), certificate.delta)


def hash_sources() -> str:
    """SHA-256 over the source files that the guarantee rests on."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in GUARANTEED for file in SOURCE.glob(f"{folder}/**/*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def code_version() -> str:
    """Which code this is."""
    return f"dprdm {dprdm.__version__}, sources {hash_sources()[:16]}"


def now() -> str:
    """The time, as certificates state it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _status(plan: Plan) -> str:
    if not plan.retriever.reads_private:
        return "reads no private record"
    return "private" if plan.is_private else "NON-PRIVATE"


def ledger_entry(ledger: Ledger | None) -> dict[str, Any] | None:
    """The last row of a ledger, its cap, and what is spent."""
    if ledger is None:
        return None
    last, cap = ledger.rows()[-1], ledger.cap()
    assert cap is not None
    return {"row": last.id, "hash": last.hash, "cap": asdict(cap), "spent": ledger.spent().to_json()}
