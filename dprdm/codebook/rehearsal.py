"""How many cells, of how many levels, and how to weight them: tried out on public rows, so that it costs nothing.

Half of the public rows stand for the private ones: those that lie to one side of the middle of their surroundings, so
that they are of another kind than the other half, which the cells are learnt from. Every choice is released and asked as
it would be, with the noise that the budget leaves; the one whose answers come nearest is taken.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from dp_accounting.dp_event import GaussianDpEvent
from jaxtyping import Float

from dprdm.codebook.answer import answer
from dprdm.codebook.estimate import estimate
from dprdm.codebook.partition import Partition, learn_partition
from dprdm.codebook.sums import Weighting, on_grid, row_sums, split_weighting
from dprdm.guarantee.mechanism import Terms
from dprdm.privacy.calibration import calibrate
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import PublicKnowledge, evenly
from dprdm.public.prior import nearest_means
from dprdm.public.rehearsal import Stage
from dprdm.types import Embeddings, Queries

# Cells of the finest level.
FINEST = (64, 256, 1024, 4096)
# Of the budget, in squared weight, what the finest of several levels gets.
FINE_SHARES = (0.5, 0.8)
# Quantiles of the public residuals' lengths: where they are clipped.
CLIP_QUANTILES = (0.5, 0.95)
# Weight of a count, in units of the clipping norm.
COUNT_WEIGHTS = (0.5, 1.0, 2.0)
ROWS_PER_CELL = 4
MOST_ROWS = 20_000
QUERIES = 96
FEWEST_CAPTIONS = 8
REPEATS = 2
SURROUNDINGS = 64


@dataclass(frozen=True, eq=False)
class RehearsedCodebook:
    """What was chosen, and the mean cosine of its answers in rehearsal."""

    sizes: tuple[int, ...]
    clip_norm: float
    count_weight: float
    fine_share: float
    cosine: float


@dataclass(frozen=True, eq=False)
class CodebookStage(Stage):
    """Rows to learn cells from, rows that stand for the private ones, queries, and what these ought to be answered."""

    learnt_from: Float[np.ndarray, "learnt dim"]
    stand_in: Float[np.ndarray, "stand_in dim"]
    queries: Queries
    targets: Float[np.ndarray, "query dim"]

    @classmethod
    def of(cls, public: PublicKnowledge, share: float) -> "CodebookStage":
        """Return the stage that public rows make for answers that average this share of the rows."""
        knowledge = public.thinned(MOST_ROWS)
        number = np.arange(len(knowledge.rows))
        learnt_from, others = knowledge.rows[number % 2 == 0], knowledge.rows[number % 2 == 1]
        stand_in = others[_to_one_side(others)]
        captions = (
            knowledge.queries[evenly(len(knowledge.queries), QUERIES)] if len(knowledge.queries) else knowledge.rows[:0]
        )
        rows = learnt_from[evenly(len(learnt_from), QUERIES)]
        queries = captions if len(captions) >= FEWEST_CAPTIONS else np.concatenate([captions, rows])
        count = max(1, round(share * len(stand_in)))
        return cls(learnt_from, stand_in, queries, nearest_means(queries, stand_in, count))


def rehearse(public: PublicKnowledge, terms: Terms, share: float, max_cells: int) -> list[RehearsedCodebook]:
    """Return every choice of levels and weights, best first. The same choices from the same rows and terms, always.

    Args:
        share: of the rows, averaged to an answer.
        max_cells: of the finest level.
    """
    stage = CodebookStage.of(public, share)
    multiplier = _noise_multiplier(terms)
    choices = []
    for sizes in _sizes(min(max_cells, len(stage.learnt_from) // ROWS_PER_CELL)):
        partition = learn_partition(stage.learnt_from, sizes)
        for weights in _weights(partition, stage.learnt_from):
            weighting = split_weighting(*weights[:2], len(sizes), weights[2])
            cosine = _act(stage, partition, weighting, multiplier, terms, share)
            choices.append(RehearsedCodebook(sizes, *weights, cosine))
    return sorted(choices, key=lambda choice: -choice.cosine)


def _act(
    stage: CodebookStage, partition: Partition, weighting: Weighting, multiplier: float, terms: Terms, share: float
) -> float:
    """Mean cosine between the answers of this choice and the targets."""
    # As if there were as many rows as the private collection has: the noise is as large beside them as it will be.
    scale = terms.records / len(stage.stand_in)
    sums = scale * row_sums(stage.stand_in, partition, weighting)
    noise_std = multiplier * weighting.row_norm * terms.max_per_unit
    noise, replicates = _public_noise(), np.zeros(len(stage.queries), np.int64)
    cosines = []
    for _ in range(REPEATS):
        mixture = estimate(noise.gaussian(sums, noise_std), partition, weighting, noise_std)
        cosines.append(stage.cosines(answer(mixture, stage.queries, replicates, share, draws=0).vectors))
    return float(np.mean(cosines))


def _sizes(most: int) -> Iterator[tuple[int, ...]]:
    """One level, two, or three."""
    for finest in sorted({min(size, most) for size in FINEST}):
        yield (finest,)
        if finest >= 256:
            yield (finest // 16, finest)
        if finest >= 2048:
            yield (finest // 256, finest // 16, finest)


def _weights(partition: Partition, rows: Embeddings) -> Iterator[tuple[float, float, float]]:
    """Clipping norm, count weight and share of the finest level."""
    residuals = rows - partition.levels[-1].centroids[partition.cells(rows)[:, -1]]
    norms = np.quantile(np.linalg.norm(residuals, axis=1), CLIP_QUANTILES)
    shares = FINE_SHARES if len(partition.levels) > 1 else (1.0,)
    for norm, count_weight, share in itertools.product(norms, COUNT_WEIGHTS, shares):
        yield on_grid(float(norm)), on_grid(count_weight * float(norm)), share


def _noise_multiplier(terms: Terms) -> float:
    return calibrate(GaussianDpEvent, terms.budget)


def _to_one_side(rows: Embeddings) -> np.ndarray:
    """Which rows lie on one side of the middle of their surroundings, along the direction in which rows differ most."""
    partition = learn_partition(rows, (min(SURROUNDINGS, max(1, len(rows) // ROWS_PER_CELL)),))
    residuals = rows - partition.levels[0].centroids[partition.cells(rows)[:, 0]]
    direction = np.linalg.eigh(partition.covariance)[1][:, -1]
    along = residuals @ (direction * np.sign(direction[np.argmax(np.abs(direction))]))
    return np.asarray(along > 0)


def _public_noise() -> SecureNoise:
    """Noise for rehearsals: the same bytes every time, so that the same choice is made. Nothing private meets it."""
    calls = itertools.count()
    return SecureNoise(lambda size: hashlib.shake_256(f"rehearsal, call {next(calls)}".encode()).digest(size))
