"""Released vectors whose clean ones are known: means of a private set that all lie to one side of the public ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dprdm.public.prior import PublicPrior, fit_prior
from dprdm.types import Answered, Queries
from tests.fakes import public_knowledge


@dataclass(frozen=True, eq=False)
class Case:
    """Queries, their clean vectors, what was released of them, and the public prior."""

    queries: Queries
    clean: np.ndarray
    answered: Answered
    prior: PublicPrior


def case(folder: Path, noise_std: float, releases: int = 1, seed: int = 0) -> Case:
    """Forty prompts, each released so many times, each time of a slightly different subsample."""
    known, draw = public_knowledge(folder / "public", 800, 8, num_queries=40), np.random.default_rng(seed)
    prior = fit_prior(known, neighbours=5)
    queries = np.repeat(known.queries.astype(np.float64), releases, axis=0)
    common = prior.basis @ (np.sqrt(prior.variances) * draw.normal(size=8))
    own = draw.normal(size=(40, 8)) * np.sqrt(0.1 * prior.variances) @ prior.basis.T
    single = draw.normal(size=(40 * releases, 8)) * np.sqrt(0.01 * prior.variances) @ prior.basis.T
    clean = prior.centre(queries) + 0.7 * common + np.repeat(own, releases, axis=0) + single
    noisy = clean + noise_std * draw.normal(size=clean.shape)
    return Case(queries, clean, Answered(noisy, np.full(len(clean), noise_std)), prior)
