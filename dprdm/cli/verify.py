"""`verify`: does a run's certificate hold? Needs the run's folder; the store only for its ledger."""

import math
from pathlib import Path
from typing import Any

from dprdm.errors import UserError
from dprdm.files import hash_file
from dprdm.privacy import events
from dprdm.privacy.ledger import Ledger
from dprdm.registry import find, names
from dprdm.release.certificate import Certificate, read_certificate, recompute
from dprdm.retrieval.store import PrivateStore
from dprdm.rivals.plan import DpSgd

CONDITIONS = "conditions.safetensors"


def verify(run: Path, store: Path | None = None) -> None:
    """Recompute a run's epsilon, and check its conditions and, with --store, its ledger.

    Args:
        run: folder of the run.
        store: the private store it was released from, to check the ledger too.
    """
    certificate = read_certificate(run)
    recomputed = recompute(certificate)
    epsilon = math.inf if certificate.epsilon is None else certificate.epsilon
    # 1e-6: what another version of the accountants may differ by in rounding.
    if not (recomputed.epsilon <= epsilon * (1 + 1e-6)):
        raise UserError(f"The certificate says epsilon {epsilon:.6g}; its event costs {recomputed.epsilon:.6g}.")
    print(f"{certificate.status}: epsilon {recomputed.epsilon:.6g} at delta {certificate.delta:.4g}, recomputed.")
    _check_event(certificate)
    if certificate.conditions_sha256:
        _check_hash(run / CONDITIONS, certificate.conditions_sha256)
        print("The conditions are the ones certified.")
    else:
        assert certificate.weights is not None  # nothing else is certified without conditions
        _check_hash(run / certificate.weights["file"], certificate.weights["sha256"])
        print("The weights are the ones certified.")
    release = run / f"{certificate.mechanism['name']}.safetensors"
    if certificate.release_sha256 is not None and release.exists():
        _check_hash(release, certificate.release_sha256)
        print(f"The release in {release.name} is the one certified.")
    if store is not None:
        _check_ledger(certificate, store)


def _check_hash(path: Path, sha256: str) -> None:
    if hash_file(path) != sha256:
        raise UserError(f"{path} is not the file that was certified: its hash differs.")


def _check_event(certificate: Certificate) -> None:
    """The event must be what the certified mechanism states of itself."""
    name = certificate.mechanism["name"]
    if name not in {*names("mechanism"), DpSgd.name}:
        print(f"The mechanism {name} is not installed: its event is taken as certified.")
        return
    plugin = DpSgd if name == DpSgd.name else find("mechanism", name)
    mechanism: Any = plugin(**certificate.mechanism["fields"])
    event = mechanism.event(certificate.noise_std, certificate.num_queries, certificate.max_per_unit)
    expected = events.compose([event if certificate.status != "reads no private record" else events.compose([])])
    stated = events.compose([events.from_json(certificate.event)])
    sensitivity = mechanism.sensitivity(certificate.max_per_unit)
    if stated != expected or not math.isclose(sensitivity, certificate.sensitivity):
        raise UserError(f"The certified cost is not that of the certified mechanism, {mechanism}.")
    print(f"The cost is that of {mechanism} with noise_std {certificate.noise_std:.6g}.")


def _check_ledger(certificate: Certificate, store: Path) -> None:
    if certificate.ledger is None:
        raise UserError("The certificate names no ledger: nothing private was read. Leave --store out.")
    opened = PrivateStore(store, check=False)
    if opened.fingerprint != certificate.store_fingerprint:
        raise UserError(f"{store} is not the store that was certified.")
    Ledger(opened.ledger_path, opened.fingerprint).verify((certificate.ledger["row"], certificate.ledger["hash"]))
    print(f"The ledger holds row {certificate.ledger['row']} as certified, and its chain is unbroken.")
