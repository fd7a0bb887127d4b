"""A codebook file, opened: what answers queries where there is no private store."""

import functools
from dataclasses import dataclass
from pathlib import Path

from dprdm.codebook.file import CodebookFile
from dprdm.errors import UserError
from dprdm.files import hash_file
from dprdm.registry import create
from dprdm.release.certificate import Certificate, read_certificate
from dprdm.release.mechanism import OneReleaseMechanism, PrivacyMechanism
from dprdm.release.release import Requests
from dprdm.types import Answered


@dataclass(frozen=True, eq=False)
class OpenedCodebook:
    """A release, the mechanism that made it, and the certificate beside it."""

    mechanism: OneReleaseMechanism
    file: CodebookFile
    certificate: Certificate

    def require_encoder(self, identity: dict[str, str]) -> None:
        """Raise UserError unless queries come from the encoder that the release was made with."""
        if self.file.metadata["encoder"] != identity:
            raise UserError(
                f"Expected queries of the encoder {self.file.metadata['encoder']['model']} that this codebook was made with; "
                f"this one is {identity['model']}, or has other weights. Name that encoder."
            )

    def answer(self, asked: Requests, given: PrivacyMechanism) -> Answered:
        """One vector per request.

        Args:
            given: of the same kind as the release's, it says how to read it (share, draws); of another kind, it says nothing.
        """
        assert self.file.released is not None
        release = self.mechanism.read_as(given).restore(self.file.released, self.file.metadata["noise_std"])
        return release.answer(asked.queries, asked.replicates)


@functools.lru_cache(maxsize=1)
def opened(path: Path) -> OpenedCodebook:
    """Open a codebook file and the certificate beside it.

    Raises:
        UserError: if the file is missing, damaged, not a release, or not the one that the certificate beside it is of.
    """
    file = CodebookFile.load(path)
    if file.released is None or not {"mechanism", "noise_std", "encoder"} <= file.metadata.keys():
        raise UserError(f"Expected a released codebook in {path}; it holds public cells alone.")
    certificate = read_certificate(Path(path).parent)
    if certificate.release_sha256 != hash_file(Path(path)):
        raise UserError(f"Expected {path} to be the release that the certificate beside it is of: its hash differs.")
    described = file.metadata["mechanism"]
    mechanism = create("mechanism", described["name"], **{**described["fields"], "partition": str(path)})
    return OpenedCodebook(mechanism, file, certificate)
