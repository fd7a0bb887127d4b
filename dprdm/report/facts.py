"""One run, as pages and cards speak of it."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import yaml

from dprdm.files import read_json
from dprdm.guarantee.certificate import Certificate
from dprdm.guarantee.statement import NON_PRIVATE, certificate_facts
from dprdm.report.formatting import NOTHING, number, shortened
from dprdm.report.stores import store_folder
from dprdm.runs.run_reader import RenderedRun

RENDERING = ("solver", "steps", "guidance_scale", "seed")


@dataclass(frozen=True)
class RunSummary:
    """What is said of a run, in words: numbers of its certificate, where they mean something, and how it was rendered."""

    run: RenderedRun

    @property
    def certificate(self) -> Certificate:
        """As written beside the run."""
        return self.run.certificate

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.run.folder.name

    @property
    def is_uncovered(self) -> bool:
        """Whether no guarantee covers it."""
        return self.run.is_uncovered

    @property
    def label(self) -> str:
        """Mechanism and budget in a few words: the head of its column."""
        if self.is_uncovered:
            return NON_PRIVATE
        name = "public only" if self.run.status == "public" else self.certificate.mechanism["name"]
        return f"{name}, \N{GREEK SMALL LETTER EPSILON} {self.epsilon}"

    @property
    def mechanism(self) -> str:
        """Its name."""
        return "none: public neighbours" if self.run.status == "public" else str(self.certificate.mechanism["name"])

    @property
    def epsilon(self) -> str:
        """`none` where nothing is promised."""
        if self.is_uncovered:
            return "none"
        return "0" if self.run.status == "public" else number(self.certificate.epsilon)

    @property
    def delta(self) -> str:
        """A dash where nothing is promised, or nothing was read."""
        return number(self.certificate.delta) if self.run.status == "private" else NOTHING

    @cached_property
    def store_path(self) -> str:
        """Folder of the store that paid; empty if it is not at hand, or none paid."""
        folder = None if self.certificate.ledger is None else store_folder(self.run)
        return "" if folder is None else str(folder)

    @property
    def store(self) -> str:
        """Name of the store that paid, or a dash."""
        if self.certificate.ledger is None:
            return NOTHING
        return self.store_path.rpartition("/")[2] or self.certificate.store_fingerprint[:8]

    @property
    def drawing(self) -> dict[str, str]:
        """How the images were drawn: labels and values."""
        drawn = read_json(self.run.run.rendering) if self.run.run.rendering.exists() else {}
        return {
            "Generator's weights, SHA-256": str(drawn.get("weights", "")),
            "Rendering": ", ".join(f"{name} {drawn[name]}" for name in RENDERING if name in drawn),
        }

    @property
    def facts(self) -> dict[str, str]:
        """Labels and values for reviewers: of the certificate, and of the drawing."""
        facts = {"Status": self.certificate.status, **certificate_facts(asdict(self.certificate)), **self.drawing}
        return {label: value for label, value in facts.items() if value}

    @cached_property
    def config(self) -> dict[str, Any]:
        """Resolved; empty if there is none."""
        return self.run.run.read_config()

    @property
    def config_text(self) -> str:
        """The config as YAML, without folders of this machine; empty if there is none."""
        return shortened(yaml.safe_dump(self.config, sort_keys=False)) if self.config else ""
