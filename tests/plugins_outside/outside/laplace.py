"""PLACEHOLDER"""

from dataclasses import dataclass
from typing import ClassVar, final

from dp_accounting.dp_event import DpEvent

from dprdm.privacy.noise import SecureNoise
from dprdm.release.mechanism import PrivacyMechanism, Progress
from dprdm.release.sampled_mean import SampledMean
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Queries, Released


@final
@dataclass(frozen=True)
class Laplace(PrivacyMechanism):
    """Placeholder."""

    name: ClassVar[str] = "laplace"

    k: int = 20
    sampling_rate: float = 0.02

    def averaged(self) -> SampledMean:
        return SampledMean(self.k, self.sampling_rate, 1.0)

    def sensitivity(self, max_per_unit: int = 1) -> float:
        return self.averaged().sensitivity(max_per_unit)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
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
        return noise.gaussian(self.averaged().means(queries, store, retriever, noise, progress), noise_std)
