"""The ceiling: the same retrieval without noise. It protects nobody; everything made with it is marked."""

from dataclasses import dataclass
from typing import ClassVar, final

from dp_accounting.dp_event import DpEvent, NonPrivateDpEvent

from dprdm.privacy.noise import SecureNoise
from dprdm.release.mechanism import PrivacyMechanism, Progress
from dprdm.release.sampled_mean import SampledMean
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import Store
from dprdm.types import Queries, Released


@final
@dataclass(frozen=True)
class NonPrivate(PrivacyMechanism):
    """The mean of the k nearest vectors of a sample, as it is: NOT PRIVATE.

    For a baseline on data that may be shown. The ledger records it outside the guarantee, the certificate says so
    first.

    Args:
        k: number of neighbours, and the divisor.
        sampling_rate: chance of each unit to be searched, for each query.
        clip_norm: longer rows are scaled down to this length.
    """

    name: ClassVar[str] = "nonprivate"
    is_private: ClassVar[bool] = False

    k: int = 20
    sampling_rate: float = 0.02
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        self._averaged()

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """How far one unit moves the mean. Nothing hides it."""
        return self._averaged().sensitivity(max_per_unit)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """Not private, whatever the arguments."""
        return NonPrivateDpEvent()

    def release(
        self,
        queries: Queries,
        store: Store,
        retriever: Retriever,
        noise_std: float,
        noise: SecureNoise,
        progress: Progress | None = None,
    ) -> Released:
        """One clean mean per query (float64)."""
        return self._averaged().means(queries, store, retriever, noise, progress)

    def _averaged(self) -> SampledMean:
        return SampledMean(self.k, self.sampling_rate, self.clip_norm)
