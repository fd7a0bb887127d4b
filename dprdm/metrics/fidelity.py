"""What retrieval loses to noise: releases, before and after a denoiser, against the clean means that they are releases of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from dprdm.audit.throwaway import throwaway
from dprdm.data.stand_in import StandIn
from dprdm.guarantee.plan import Plan
from dprdm.guarantee.release import read, release
from dprdm.metrics.retrieval import Truth, class_means, class_ranks
from dprdm.privacy.noise import SecureNoise
from dprdm.public.denoiser import Denoiser
from dprdm.public.prior import PublicPrior
from dprdm.retrieval.retriever import Retriever
from dprdm.runs.cached_arrays import Arrays
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import CLASS_FIRST, CLASS_RANK, COSINE, NEIGHBOUR_RECALL, Quantity
from dprdm.runs.results import Measurement
from dprdm.types import Answered, Queries

# What is measured of each answer, with the lowest and highest value that it can have.
BOUNDS = {
    COSINE: (-1.0, 1.0),
    NEIGHBOUR_RECALL: (0.0, 1.0),
    CLASS_RANK: (1.0, float("inf")),
    CLASS_FIRST: (0.0, 1.0),
}
QUANTITIES = tuple(BOUNDS)
METRICS = tuple(quantity.name for quantity in QUANTITIES)


class ClassQueries(NamedTuple):
    """Each class's prompt, again and again."""

    queries: Queries
    class_of: Int[np.ndarray, "query"]
    replicates: Int[np.ndarray, "query"]


@dataclass(frozen=True, eq=False)
class Fidelity:
    """Measures answers to class prompts against a stand-in for the private collection.

    Args:
        stand_in: read without noise.
        neighbours: nearest rows of a query; their mean is the truth.
        repeats: answers to each prompt.
        retriever: searches, where a mechanism does.
    """

    stand_in: StandIn
    neighbours: int
    repeats: int
    retriever: Retriever

    @property
    def class_queries(self) -> ClassQueries:
        """Every class's prompt, `repeats` times."""
        classes = np.arange(len(self.stand_in.classes))
        numbers = np.tile(np.arange(self.repeats), len(classes))
        return ClassQueries(
            np.repeat(self.stand_in.prompts, self.repeats, axis=0), np.repeat(classes, self.repeats), numbers
        )

    def truth(self) -> Truth:
        """Return the nearest rows of each query, and their mean."""
        return Truth.of(self.class_queries.queries, self.stand_in.rows, self.neighbours)

    def released(self, plan: Plan) -> Answered:
        """Return answers of the real release code, from a private store that is thrown away."""
        queries, _, replicates = self.class_queries
        with TemporaryDirectory() as folder:
            store, ledger = throwaway(Path(folder) / "store", self.stand_in.rows, plan.budget.delta)
            released, _ = release(queries, store, plan, ledger, SecureNoise())
        return read(plan, released, queries, replicates)

    def denoised(
        self, answered: Answered, denoisers: Sequence[Denoiser], prior: PublicPrior, truth: Truth
    ) -> Iterator[tuple[str, Arrays]]:
        """Yield the numbers after each denoiser, with its name."""
        for denoiser in denoisers:
            vectors = denoiser.denoise(self.class_queries.queries, answered, prior).vectors
            yield denoiser.name, self.measure(vectors, truth)

    def measure(self, vectors: Float[np.ndarray, "query dim"], truth: Truth) -> Arrays:
        """Return every metric of every answer, by name."""
        means = class_means(self.stand_in.rows, self.stand_in.class_of, len(self.stand_in.classes))
        ranks = class_ranks(vectors, means, self.class_queries.class_of)
        values = truth.cosines(vectors), truth.recalls(vectors), ranks, (ranks == 1).astype(float)
        return dict(zip(METRICS, values, strict=True))

    def measurements(self, numbers: Arrays) -> tuple[Measurement, ...]:
        """Return means over answers, with 95% intervals over prompts: answers to one prompt are no independent witnesses."""
        rows, answers = len(self.stand_in.rows), self.repeats * len(self.stand_in.classes)
        provenance = Provenance(
            f"embeddings; {self.neighbours} neighbours of each of {len(self.stand_in.classes)} prompts",
            "",
            "",
            rows,
            answers,
            self.stand_in.is_private,
        )
        by_prompt = {name: numbers[name].reshape(-1, self.repeats).mean(axis=1) for name in METRICS}
        return tuple(_measurement(quantity, by_prompt[quantity.name], provenance) for quantity in QUANTITIES)


def _measurement(quantity: Quantity, by_prompt: Float[np.ndarray, "prompt"], provenance: Provenance) -> Measurement:
    mean, count = float(by_prompt.mean()), len(by_prompt)
    if count < 2:
        return Measurement(quantity.name, mean, provenance)
    half = float(stats.t.ppf(0.975, count - 1) * by_prompt.std(ddof=1) / count**0.5)
    lowest, highest = BOUNDS[quantity]
    return Measurement(quantity.name, mean, provenance, max(lowest, mean - half), min(highest, mean + half))
