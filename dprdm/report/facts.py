"""One run, as pages and cards speak of it."""

from dataclasses import dataclass
from typing import Any

import yaml

from dprdm.files import read_json
from dprdm.release.certificate import Certificate
from dprdm.report.formatting import number, shortened
from dprdm.report.stores import run_config, store_folder
from dprdm.runs.results import Status
from dprdm.runs.run_reader import RenderedRun


@dataclass(frozen=True)
class RunView:
    """What is said of a run.

    Args:
        name: of its folder.
        path: of its folder, as given.
        status: what covers it.
        label: mechanism and budget in a few words: the head of its column.
        mechanism: its name.
        epsilon: in words, `none` where nothing is promised.
        delta: in words.
        num_images: how many there are.
        store: name of the store that paid, or a dash.
        store_path: where it is, if it is there.
        certificate: as written beside the run.
        facts: names and values for who reviews.
        config: resolved, as YAML without folders of this machine; empty if there is none.
    """

    name: str
    path: str
    status: Status
    label: str
    mechanism: str
    epsilon: str
    delta: str
    num_images: int
    store: str
    store_path: str
    certificate: Certificate
    facts: tuple[tuple[str, str], ...]
    config: str

    @property
    def is_uncovered(self) -> bool:
        """Whether no guarantee covers it."""
        return self.status == "NON-PRIVATE"


def view_run(run: RenderedRun) -> RunView:
    """Read what a page says of a run."""
    certificate, config = run.certificate, run_config(run)
    place = None if certificate.ledger is None else store_folder(run, certificate.store_fingerprint)
    is_private = run.status == "private"
    epsilon = "0" if run.status == "public" else number(certificate.epsilon) if is_private else "none"
    paid_by = "\N{EN DASH}" if certificate.ledger is None else certificate.store_fingerprint[:8]
    return RunView(
        name=run.folder.name,
        path=str(run.folder),
        status=run.status,
        label=_label(run, certificate),
        mechanism=certificate.mechanism["name"] if run.status != "public" else "none: public neighbours",
        epsilon=epsilon,
        delta=number(certificate.delta) if is_private else "\N{EN DASH}",
        num_images=len(run.samples),
        store=paid_by if place is None else place.name,
        store_path="" if place is None else str(place),
        certificate=certificate,
        facts=_facts(run),
        config=shortened(yaml.safe_dump(config, sort_keys=False)) if config else "",
    )


def _label(run: RenderedRun, certificate: Certificate) -> str:
    if run.status == "public":
        return "public only, \N{GREEK SMALL LETTER EPSILON} 0"
    if run.status == "private":
        return f"{certificate.mechanism['name']}, \N{GREEK SMALL LETTER EPSILON} {number(certificate.epsilon, 3)}"
    return "NON-PRIVATE"


def _plugin(described: dict[str, Any]) -> str:
    kept = {name: value for name, value in described["fields"].items() if isinstance(value, int | float)}
    fields = ", ".join(f"{name} {number(float(value))}" for name, value in kept.items())
    return f"{described['name']} ({fields})" if fields else str(described["name"])


def _facts(run: RenderedRun) -> tuple[tuple[str, str], ...]:
    certificate, costs = run.certificate, run.certificate.accountants
    rendering = read_json(run.run.rendering) if run.run.rendering.exists() else {}
    ledger = certificate.ledger
    facts = {
        "Status": certificate.status,
        "Mechanism": _plugin(certificate.mechanism),
        "Retriever": _plugin(certificate.retriever),
        "Relation": f"{certificate.relation}: {certificate.unit}",
        "Epsilon by PLD": number(costs.get("pld"), 6),
        "Epsilon by RDP": number(costs.get("rdp"), 6),
        "Epsilon by PRV, a cross-check": number(costs["prv"], 6) if costs.get("prv") is not None else "not computed",
        "Charged": f"{costs['charged']}, {costs['library']}",
        "noise_std / sensitivity": f"{number(certificate.noise_std, 6)} / {number(certificate.sensitivity, 6)} = "
        f"{number(certificate.noise_multiplier, 6)}",
        "Ledger": "none" if ledger is None else f"row {ledger['row']}, hash {ledger['hash']}",
        "Store": certificate.store_fingerprint,
        "Conditions, SHA-256": certificate.conditions_sha256,
        "Release, SHA-256": certificate.release_sha256 or "",
        "Generator's weights, SHA-256": str(rendering.get("weights", "")),
        "Rendering": ", ".join(
            f"{name} {rendering[name]}" for name in ("solver", "steps", "guidance_scale", "seed") if name in rendering
        ),
        "Randomness": certificate.rng,
        "Code": certificate.code_version,
        "Made": certificate.created,
    }
    return tuple((name, value) for name, value in facts.items() if value)
