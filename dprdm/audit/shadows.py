"""Membership inference: shadow stores with a random half of a pool, real releases from them, and what shows of each candidate.

The attacker knows the candidate's record, the mechanism with all its settings, everything public, and how records like it are
distributed: so it can build shadow stores. It does not know which records are in the store attacked. Every trial is one such
store, and every candidate is in about half of them: members and others are the same records.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from dprdm import check
from dprdm.audit.likelihood import Statistics
from dprdm.audit.throwaway import throwaway
from dprdm.guarantee.plan import Plan
from dprdm.guarantee.release import read, release
from dprdm.privacy.noise import SecureNoise
from dprdm.types import Answered, Embeddings, Queries

# Answers to vectors in the space of embeddings: themselves, or those of the images drawn from them.
Seeing: TypeAlias = Callable[[Answered], Embeddings]


@dataclass(frozen=True, eq=False)
class Pool:
    """Records that may be in the store, and those that are attacked.

    Args:
        rows: all records, unit norm.
        candidates: positions of those attacked.
        queries: of the attacker.
        query_of: position in `queries` of the one that tells of each candidate.
    """

    rows: Embeddings
    candidates: Int[np.ndarray, "candidate"]
    queries: Queries
    query_of: Int[np.ndarray, "candidate"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What shows of each candidate in each trial.

    Args:
        nearest: cosine of the nearest answer: the score of the plain attack, with one threshold for all candidates.
        shift: how far the answers have moved towards the candidate: the statistic of the likelihood ratio.
    """

    nearest: Statistics
    shift: Statistics


def answer_queries(plan: Plan, queries: Queries, rows: Embeddings, folder: Path) -> Answered:
    """Answer every query as often as planned, from a private store of these rows; equal queries stand together.

    The plan's budget is that of all answers to one query.

    Args:
        plan: of what is attacked.
        queries: distinct ones.
        rows: of the store.
        folder: of the store; must not exist yet.
    """
    store, ledger = throwaway(folder, rows, plan.budget.delta)
    repeated = np.repeat(queries, plan.num_queries, axis=0)
    released, _ = release(repeated, store, plan, ledger, SecureNoise())
    return read(plan, released, repeated, np.tile(np.arange(plan.num_queries), len(queries)))


def random_halves(
    trials: int,
    records: int,
    generator: np.random.Generator,  # noqa: TID251 - of the attacker's stores, never of a private draw
) -> Bool[np.ndarray, "trial record"]:
    """Draw which records are in each trial's store: a random half, for each trial by itself."""
    check.at_least(3, trials=trials)
    check.at_least(2, records=records)
    return np.argsort(generator.random((trials, records)), axis=1) < records // 2


def attack(
    pool: Pool,
    plan: Plan,
    is_in: Bool[np.ndarray, "trial record"],
    see: Seeing,
    progress: Callable[[int], object],
) -> Seen:
    """Release from each trial's store; return what the two attacks on each candidate look at.

    Args:
        pool: records and queries.
        plan: of what is attacked; its number of queries is that of answers about each candidate.
        is_in: which records are in each trial's store.
        see: from answers to vectors of the candidates' space, unit norm or not.
        progress: called with 1 after each trial.
    """
    nearest, means = [], []
    for present in is_in:
        with tempfile.TemporaryDirectory() as folder:
            answered = answer_queries(plan, pool.queries, pool.rows[present], Path(folder) / "store")
        vectors = see(answered).astype(np.float64).reshape(len(pool.queries), -1, pool.rows.shape[1])
        nearest.append(_nearest(pool, vectors))
        means.append(vectors.mean(axis=1)[pool.query_of])
        progress(1)
    return Seen(np.stack(nearest), _shift(np.stack(means), pool.rows[pool.candidates]))


def as_released(answered: Answered) -> Embeddings:
    """Return the released vectors themselves."""
    return answered.vectors


def _nearest(pool: Pool, vectors: Float[np.ndarray, "query answer dim"]) -> Float[np.ndarray, "candidate"]:
    lengths = np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-300)
    candidates = pool.rows[pool.candidates].astype(np.float64)
    return np.asarray(np.einsum("cad,cd->ca", (vectors / lengths)[pool.query_of], candidates).max(axis=1))


def _shift(means: Float[np.ndarray, "trial candidate dim"], candidates: Embeddings) -> Statistics:
    """Return how far each trial's mean answer lies from that of the other trials, towards the candidate: the matched filter for a
    record that moves a mean. In a cosine alone it drowns in the ways in which other records move it."""
    usual = (means.sum(axis=0) - means) / (len(means) - 1)
    direction = candidates - usual
    direction /= np.maximum(np.linalg.norm(direction, axis=2, keepdims=True), 1e-300)
    return np.asarray(((means - usual) * direction).sum(axis=2))
