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
from dprdm.public.prior import NAME, load_or_fit_prior
from dprdm.retrieval.store import PublicStore
from dprdm.runs.run_folder import Conditions
from dprdm.types import Answered

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
    Examples:
        >>> half = dprdm.release(store, ["bag"], plan, post_processing=dprdm.PostProcessing(private_weight=0.5))
        >>> half.receipt.num_charged  # the vector was released before
        0
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
        learns = (
            self.spread > 0 or self.mix_with == "public" or (self.denoiser is not None and self.denoiser.needs_prior)
        )
        if self.public is None and learns:
            raise UserError(
                "Expected public images, which this denoiser, a spread and public neighbours are learnt from: give a store "
                "that `index` made with kind='public'."
            )

    def apply(self, answers: Answers) -> Conditions:
        """Return what a generator attends to for each answer."""
        prior, public = None, self.public
        if public is not None and (self.spread > 0 or (self.denoiser is not None and self.denoiser.needs_prior)):
            prior = load_or_fit_prior(public.path / NAME, lambda: read_knowledge(public))
        denoised = Answered(answers.vectors, answers.noise_std)
        if self.denoiser is not None:
            denoised = self.denoiser.denoise(answers.queries, denoised, prior)
        partners = answers.queries
        if public is not None and self.mix_with == "public":
            partners = nearest_means(answers.queries, public, self.public_neighbours)
        condition = mix(denoised.vectors, partners, self.private_weight)
        spread = np.zeros((0, 0)) if prior is None or self.spread == 0 else prior.spread(self.spread)
        noise_std = self.private_weight * denoised.noise_std
        arrays = (answers.queries, answers.vectors, condition, noise_std, spread)
        return Conditions(answers.requests, *(array.astype(np.float32) for array in arrays))
