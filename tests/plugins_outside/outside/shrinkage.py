"""A denoiser: each released vector, shortened as James and Stein do."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from dprdm.public.denoiser import Denoiser
from dprdm.public.prior import PublicPrior
from dprdm.types import Answered, Queries


@final
@dataclass(frozen=True)
class Shrinkage(Denoiser):
    """Shorten each vector by what its length and the noise in it say; never past zero. Source: James and Stein 1961."""

    name: ClassVar[str] = "shrinkage"
    needs_prior: ClassVar[bool] = False

    def denoise(self, queries: Queries, answered: Answered, prior: PublicPrior | None) -> Answered:
        """Return the shortened vectors and the error that is left in each."""
        dim, variance = answered.vectors.shape[1], answered.noise_std**2
        squares = np.maximum((answered.vectors**2).sum(axis=1), 1e-300)
        factors = np.clip(1 - (dim - 2) * variance / squares, 0, 1)
        return Answered(answered.vectors * factors[:, None], answered.noise_std * np.sqrt(factors))
