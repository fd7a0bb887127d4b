"""The mechanism of DP-RDM: the noisy mean of the nearest neighbours in a Poisson sample, drawn anew for each query."""

from dataclasses import dataclass
from typing import ClassVar, final

from dp_accounting.dp_event import DpEvent

from dprdm import check
from dprdm.privacy.noise import SecureNoise
from dprdm.release.mechanism import PrivacyMechanism, Progress
from dprdm.release.sampled_mean import SampledMean
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Queries, Released


@final
@dataclass(frozen=True)
class Gaussian(PrivacyMechanism):
    """Average the k nearest vectors of a sample and add Gaussian noise.

    r = (1/k) * sum_i n_i + noise_std * z,  z ~ N(0, I).    (DP-RDM, Algorithm 1)

    Args:
        k: number of neighbours, and the divisor, however few are found: missing ones are zero rows.
        sampling_rate: chance of each unit to be searched at all, in (0, 1], by its own coin for each query.
        clip_norm: longer rows are scaled down to this length.
    Guarantee:
        - Adding or removing one unit moves the mean by at most `sensitivity`
          (tests/contracts/test_mechanisms.py::test_sensitivity_by_brute_force).
        - Missing neighbours count as zero
          (tests/plugins/test_gaussian.py::test_hazard_06_missing_neighbours_are_zero_rows).
        - Rows are clipped, not warned about (tests/plugins/test_gaussian.py::test_hazard_10_long_rows_are_clipped).
    Source: arXiv 2403.14421.
    """

    name: ClassVar[str] = "gaussian"

    k: int = 20
    sampling_rate: float = 0.02
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        self.averaged()

    def averaged(self) -> SampledMean:
        """What is noised."""
        return SampledMean(self.k, self.sampling_rate, self.clip_norm)

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """2 * clip_norm * max_per_unit / k. See `SampledMean.sensitivity`."""
        return self.averaged().sensitivity(max_per_unit)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """One Poisson-sampled Gaussian per query."""
        return self.averaged().event(noise_std, num_queries, max_per_unit)

    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """One noisy mean per query (float64). See `PrivacyMechanism.release`."""
        check.positive(noise_std=noise_std)
        return noise.gaussian(self.averaged().means(queries, store, retriever, noise, progress), noise_std)
