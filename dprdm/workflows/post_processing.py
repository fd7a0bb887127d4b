"""From released vectors to what a generator attends to: without the private data, so it is free and may be done again."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dprdm import check
from dprdm.data.captions import read_knowledge
from dprdm.data.nearest_means import nearest_means
from dprdm.errors import UserError
from dprdm.generation.conditioning import mix
from dprdm.guarantee.release import Answers
from dprdm.public.denoiser import Denoiser
from dprdm.public.prior import NAME, PublicPrior, load_or_fit_prior
from dprdm.retrieval.store import PublicStore
from dprdm.runs.run_folder import Conditions
from dprdm.types import Answered, Queries, Released

MixWith = Literal["query", "public"]


@dataclass(frozen=True, eq=False)
class PostProcessing:
    """Denoise what was released, mix it, and say how images of one prompt are to vary.

    Args:
        denoiser: brings vectors nearer to what they were before the noise. None: they stay as they were released.
        private_weight: share of the released vector in the condition, in [0, 1].
        mix_with: what the rest of the condition is: the query's vector, or the mean of its public neighbours.
        spread: how far each image's condition is moved at random, in units of how far public images lie from their captions.
        public: public images, for denoisers that learn from them, a spread, and public neighbours. None: there are none.
        public_neighbours: whose mean is mixed in.
    """

    denoiser: Denoiser | None = None
    private_weight: float = 1.0
    mix_with: MixWith = "query"
    spread: float = 0.0
    public: PublicStore | None = None
    public_neighbours: int = 20

    def __post_init__(self) -> None:
        check.in_range(0, 1, private_weight=self.private_weight)
        check.in_range(0, 2, spread=self.spread)
        check.at_least(1, public_neighbours=self.public_neighbours)
        if self.public is None and (self._needs_prior or self.mix_with == "public"):
            raise UserError(
                "Expected public images, which this denoiser, a spread and public neighbours are learnt from: give a store "
                "that `index` made with kind='public'."
            )

    def apply(self, answers: Answers) -> Conditions:
        """Return what a generator attends to for each answer."""
        prior = self._prior() if self._needs_prior else None
        noisy = Answered(answers.vectors, answers.noise_std)
        denoised = noisy if self.denoiser is None else self.denoiser.denoise(answers.queries, noisy, prior)
        condition = mix(denoised.vectors, self._partners(answers.queries), self.private_weight)
        spread = np.zeros((0, 0)) if prior is None or self.spread == 0 else prior.spread(self.spread)
        noise_std = self.private_weight * denoised.noise_std
        arrays = (answers.queries, answers.vectors, condition, noise_std, spread)
        return Conditions(answers.requests, *(array.astype(np.float32) for array in arrays))

    @property
    def _needs_prior(self) -> bool:
        return self.spread > 0 or (self.denoiser is not None and self.denoiser.needs_prior)

    def _prior(self) -> PublicPrior:
        store = self.public
        assert store is not None  # seen to at the beginning
        return load_or_fit_prior(store.path / NAME, lambda: read_knowledge(store))

    def _partners(self, queries: Queries) -> Released:
        """Return what each released vector is mixed with."""
        if self.public is None or self.mix_with == "query":
            return queries
        return nearest_means(queries, self.public, self.public_neighbours)
