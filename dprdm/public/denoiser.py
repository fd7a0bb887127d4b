"""What a denoiser must be: it sees released vectors, queries and public knowledge, so that all it does is free."""

from abc import ABC, abstractmethod
from typing import ClassVar

from dprdm.public.prior import PublicPrior
from dprdm.types import Answered, Queries


class Denoiser(ABC):
    """Brings released vectors nearer to what they were before the noise. A subclass is a final frozen dataclass.

    It never meets a private row: what goes in is already private, and what comes out is post-processing of it.

    Guarantee:
        - Denoisers can reach neither the store nor the ledger
          (tests/contracts/test_denoisers.py::test_denoisers_import_nothing_that_reads_private_rows).
    """

    name: ClassVar[str]
    # Whether it needs to know where public neighbour means lie.
    needs_prior: ClassVar[bool] = True

    @abstractmethod
    def denoise(self, queries: Queries, answered: Answered, prior: PublicPrior | None) -> Answered:
        """Return vectors nearer to the clean ones, and how far off each is now expected to be.

        Args:
            queries: one a vector. Equal ones are the same prompt, released more than once.
            answered: what a mechanism gave out, with the standard deviation of the noise in it.
            prior: None for a denoiser that needs none.
        """
