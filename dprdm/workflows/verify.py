"""Check what a run's certificate states against the run, this installation's accountants and the store's ledger.

Loads no torch.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dprdm.errors import UserError
from dprdm.files import hash_file
from dprdm.guarantee.certificate import Certificate, read_certificate, recompute
from dprdm.privacy import events
from dprdm.privacy.accountant import EpsilonReport
from dprdm.registry import find, names
from dprdm.retrieval.store import PrivateStore
from dprdm.rivals.plan import DpSgd
from dprdm.runs.run_folder import Run
from dprdm.workflows.store_ledger import open_store_ledger

ROUNDING = 1e-6  # what another version of the accountants may differ by


@dataclass(frozen=True)
class Verification:
    """A certificate that holds.

    Args:
        certificate: as it stands in the run's folder.
        costs: of its event, recomputed by every accountant.
        findings: a sentence for each check that it passed.
    """

    certificate: Certificate
    costs: EpsilonReport
    findings: tuple[str, ...]


def verify(run: Path | str, store: PrivateStore | None = None) -> Verification:
    """Recompute the epsilon of a run, and check its files and, given the store, the row of its ledger.

    Args:
        run: folder of the run.
        store: the private store that the run was released from; None: its ledger is not looked at.
    Raises:
        UserError: naming the first thing that does not hold.
        LedgerError: if the ledger does not.
    Examples:
        >>> dprdm.verify(release.save("runs/first"), store).certificate.status
        'private'
    """
    run = Path(run)
    certificate = read_certificate(run)
    costs = recompute(certificate)
    epsilon = math.inf if certificate.epsilon is None else certificate.epsilon
    if not (costs.epsilon <= epsilon * (1 + ROUNDING)):
        raise UserError(f"The certificate says epsilon {epsilon:.6g}; its event costs {costs.epsilon:.6g}.")
    findings = [
        f"{certificate.status}: epsilon {costs.epsilon:.6g} at delta {certificate.delta:.4g}, recomputed.",
        _check_event(certificate),
        *_check_files(certificate, run),
    ]
    if store is not None:
        findings.append(_check_ledger(certificate, store))
    return Verification(certificate, costs, tuple(findings))


def _check_event(certificate: Certificate) -> str:
    """Require that the event is what the certified mechanism states of itself."""
    name = certificate.mechanism["name"]
    if name not in {*names("mechanism"), DpSgd.name}:
        return f"The mechanism {name} is not installed: its event is taken as certified."
    plugin = DpSgd if name == DpSgd.name else find("mechanism", name)
    mechanism: Any = plugin(**certificate.mechanism["fields"])
    event = mechanism.event(certificate.noise_std, certificate.num_queries, certificate.max_per_unit)
    expected = events.compose([event if certificate.status != "reads no private record" else events.compose([])])
    certified = events.compose([events.from_json(certificate.event)])
    sensitivity = mechanism.sensitivity(certificate.max_per_unit)
    if certified != expected or not math.isclose(sensitivity, certificate.sensitivity):
        raise UserError(f"The certified cost is not that of the certified mechanism, {mechanism}.")
    return f"The cost is that of {mechanism} with noise_std {certificate.noise_std:.6g}."


def _check_files(certificate: Certificate, run: Path) -> list[str]:
    """Require that the conditions or weights, and the file that answers later queries, are the certified ones."""
    if certificate.conditions_sha256:
        _check_hash(Run(run).conditions, certificate.conditions_sha256)
        findings = ["The conditions are the ones certified."]
    else:
        assert certificate.weights is not None  # nothing else is certified without conditions
        _check_hash(run / certificate.weights["file"], certificate.weights["sha256"])
        findings = ["The weights are the ones certified."]
    release = run / f"{certificate.mechanism['name']}.safetensors"
    if certificate.release_sha256 is not None and release.exists():
        _check_hash(release, certificate.release_sha256)
        findings.append(f"The release in {release.name} is the one certified.")
    return findings


def _check_hash(path: Path, sha256: str) -> None:
    if hash_file(path) != sha256:
        raise UserError(f"{path} is not the file that was certified: its hash differs.")


def _check_ledger(certificate: Certificate, store: PrivateStore) -> str:
    if certificate.ledger is None:
        raise UserError("The certificate names no ledger: nothing private was read. Leave --store out.")
    if store.fingerprint != certificate.store_fingerprint:
        raise UserError(f"{store.path} is not the store that was certified.")
    open_store_ledger(store).verify((certificate.ledger["row"], certificate.ledger["hash"]))
    return f"The ledger holds row {certificate.ledger['row']} as certified, and its chain is unbroken."
