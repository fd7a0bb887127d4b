"""No denoising: the condition is what was released."""

from dataclasses import dataclass
from typing import ClassVar, final

from dprdm.public.denoiser import Denoiser
from dprdm.public.prior import PublicPrior
from dprdm.types import Answered, Queries


@final
@dataclass(frozen=True)
class NoDenoiser(Denoiser):
    """Hands on what was released, as the paper does."""

    name: ClassVar[str] = "none"
    needs_prior: ClassVar[bool] = False

    def denoise(self, queries: Queries, answered: Answered, prior: PublicPrior | None) -> Answered:
        """Return `answered` as it is."""
        return answered
