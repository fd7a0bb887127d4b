"""A mechanism: the mean of DP-RDM with Laplace noise, whose guarantee without sampling needs no delta."""

from dataclasses import dataclass
from typing import ClassVar, final

from dprdm.guarantee.sampled_mean import SampledMeanMechanism
from dprdm.privacy.distributions import LaplaceNoise, Noise


@final
@dataclass(frozen=True)
class Laplace(SampledMeanMechanism):
    """Average the k nearest vectors of a sample and add Laplace noise.

    Args:
        k: number of neighbours, and the divisor, however few there are.
        sampling_rate: chance of each unit to be searched at all, in (0, 1], by its own coin for each query.
        clip_norm: rows are scaled down to this L1 norm; that of a unit vector of d numbers is between 1 and sqrt(d).
    Guarantee: that of `SampledMeanMechanism`, in the L1 norm.
    Source: Dwork, McSherry, Nissim and Smith 2006.
    """

    name: ClassVar[str] = "laplace"
    noise: ClassVar[Noise] = LaplaceNoise()

    clip_norm: float = 2.0
