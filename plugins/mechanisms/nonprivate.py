"""The ceiling: the same retrieval without noise. It protects nobody; everything made with it is marked."""

from dataclasses import dataclass
from typing import ClassVar, final

from dprdm.guarantee.sampled_mean import SampledMeanMechanism
from dprdm.privacy.distributions import Noise, NoNoise


@final
@dataclass(frozen=True)
class NonPrivate(SampledMeanMechanism):
    """The mean of the k nearest vectors of a sample, as it is: NOT PRIVATE.

    For a baseline on data that may be shown. The ledger records it outside the guarantee, the certificate says so
    first.

    Args:
        k: number of neighbours, and the divisor.
        sampling_rate: chance of each unit to be searched, for each query.
        clip_norm: longer rows are scaled down to this length.
    Examples:
        >>> dprdm.plan(store, dprdm.NonPrivate(k=5), epsilon=5, delta=1e-5).is_private
        False
    """

    name: ClassVar[str] = "nonprivate"
    is_private: ClassVar[bool] = False
    noise: ClassVar[Noise] = NoNoise()

    clip_norm: float = 1.0
