"""The mechanism of DP-RDM: the noisy mean of the nearest neighbours in a Poisson sample, drawn anew for each query."""

from dataclasses import dataclass
from typing import ClassVar, final

from dprdm.guarantee.sampled_mean import SampledMeanMechanism
from dprdm.privacy.distributions import GaussianNoise, Noise


@final
@dataclass(frozen=True)
class Gaussian(SampledMeanMechanism):
    """Average the k nearest vectors of a sample and add Gaussian noise.

    r = (1/k) * sum_i n_i + noise_std * z,  z ~ N(0, I).    (DP-RDM, Algorithm 1)

    Args:
        k: number of neighbours, and the divisor, however few are found: missing ones are zero rows.
        sampling_rate: chance of each unit to be searched at all, in (0, 1], by its own coin for each query.
        clip_norm: longer rows are scaled down to this length.
    Guarantee: that of `SampledMeanMechanism`.
    Source: arXiv 2403.14421.
    Examples:
        >>> round(dprdm.Gaussian(k=20, sampling_rate=0.02).sensitivity(), 6)
        0.1
    """

    name: ClassVar[str] = "gaussian"
    noise: ClassVar[Noise] = GaussianNoise()

    clip_norm: float = 1.0
