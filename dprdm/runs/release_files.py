"""A release as a person holds it: what a generator draws from, the certificate, and the files in which both are saved."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dprdm.errors import UserError
from dprdm.files import write_bytes, write_text
from dprdm.guarantee.certificate import Certificate, read_certificate, write_certificate
from dprdm.guarantee.release import Receipt
from dprdm.guarantee.request import Request
from dprdm.runs.run_folder import Conditions, Run
from dprdm.types import Released


@dataclass(frozen=True, eq=False)
class Release:
    """Vectors that may be published, one per request, with the certificate that covers them and all that is drawn from them.

    Args:
        conditions: requests, query vectors, released vectors, and what a generator attends to.
        certificate: what they cost, and what that promises.
        files: content of the files that hold them, by name: the certificate states their hashes.
        receipt: what was paid for them now; None of a release that was loaded.
    Examples:
        >>> dprdm.Release.load(release.save("runs/first")).requests[0]
        Request(prompt='ankle boot', replicate=0)
    """

    conditions: Conditions
    certificate: Certificate
    files: Mapping[str, bytes]
    receipt: Receipt | None = None

    @property
    def requests(self) -> tuple[Request, ...]:
        """Return what was requested, one a row."""
        return self.conditions.requests

    @property
    def vectors(self) -> Released:
        """Return what the mechanism gave out, one row a request."""
        return self.conditions.released

    def save(self, folder: Path | str, config: str | None = None) -> Path:
        """Write conditions and certificate, as `predict` does, into the folder of a run; return the folder.

        Args:
            config: YAML that repeats the run.
        """
        run = Run(Path(folder))
        for name, content in self.files.items():
            write_bytes(run.folder / name, content)
        if config is not None:
            write_text(run.config, config)
        write_certificate(self.certificate, run.folder)
        return run.folder

    @classmethod
    def load(cls, path: Path | str) -> "Release":
        """Read a release from the folder of a run, or from a conditions file with the certificate in its folder.

        Raises:
            UserError: if a file is missing or damaged, or the conditions are not the ones that were certified.
        """
        file = Run(Path(path)).conditions if Path(path).is_dir() else Path(path)
        conditions, content = Conditions.load(file), file.read_bytes()
        certificate = read_certificate(file.parent)
        if hashlib.sha256(content).hexdigest() != certificate.conditions_sha256:
            raise UserError(
                f"Expected {file} to be the file that the certificate in its folder is of: its hash differs."
            )
        return cls(conditions, certificate, {Run.CONDITIONS: content})
