"""A codebook file that answers queries where there is no private store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dprdm import registry
from dprdm.codebook.file import CodebookFile
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.files import hash_file
from dprdm.guarantee.certificate import Certificate, certify_again, read_certificate
from dprdm.guarantee.mechanism import OneReleaseMechanism, PrivacyMechanism
from dprdm.guarantee.release import Answers, Receipt, encode_prompts
from dprdm.guarantee.request import Request


@dataclass(frozen=True, eq=False)
class LoadedCodebook:
    """A release that answers any number of queries, the mechanism that released it, and the certificate in its folder."""

    path: Path
    mechanism: OneReleaseMechanism
    file: CodebookFile
    certificate: Certificate

    def answer(self, requests: Sequence[Request], encoder: Encoder, reader: PrivacyMechanism | None = None) -> Answers:
        """Return one vector per request: free, for nothing private is read.

        Args:
            encoder: the one that the release was made with.
            reader: of the same kind as the release's mechanism, it says how to read it (share, draws). Of another kind, or
                None: as it was read first.
        Raises:
            UserError: for another encoder.
        """
        if self.file.metadata["encoder"] != encoder.identity:
            raise UserError(
                f"Expected queries of the encoder {self.file.metadata['encoder']['model']} that this codebook was made with; "
                f"this one is {encoder.identity['model']}, or has other weights. Name that encoder."
            )
        assert self.file.released is not None
        mechanism = self.mechanism if reader is None else self.mechanism.read_as(reader)
        once = mechanism.restore(self.file.released, self.file.metadata["noise_std"])
        queries = encode_prompts(requests, encoder.texts)
        answered = once.answer(queries, np.array([request.replicate for request in requests]))
        receipt = Receipt(0, 1, None)
        return Answers(tuple(requests), queries, answered.vectors, answered.noise_std, receipt)

    def certify(self, num_queries: int, conditions_sha256: str) -> Certificate:
        """Return the certificate of what was computed from the release."""
        return certify_again(self.certificate, num_queries, conditions_sha256)


def load_codebook(path: Path | str) -> LoadedCodebook:
    """Read a codebook file, and the certificate in its folder.

    Raises:
        UserError: if the file is missing, damaged, not a release, or not the one that the certificate in its folder is of.
    """
    path = Path(path)
    file = CodebookFile.load(path)
    if file.released is None or not {"mechanism", "noise_std", "encoder"} <= file.metadata.keys():
        raise UserError(f"Expected a released codebook in {path}; it holds public cells alone.")
    certificate = read_certificate(path.parent)
    if certificate.release_sha256 != hash_file(path):
        raise UserError(
            f"Expected {path} to be the release that the certificate in its folder is of: its hash differs."
        )
    described = file.metadata["mechanism"]
    fields = {**described["fields"], "partition": str(path)}
    return LoadedCodebook(path, registry.create("mechanism", described["name"], **fields), file, certificate)
