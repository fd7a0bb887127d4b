"""The demonstration of the DP-RDM paper: a data set with one striking image, and the same set without it, queried alike.

Source: arXiv 2403.14421.
Nonprivate retrieval may show the image; a private release must not.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from dprdm.audit.shadows import answer_queries
from dprdm.data.stand_in import StandIn
from dprdm.guarantee.plan import Plan
from dprdm.types import Answered, Embeddings, Query


@dataclass(frozen=True, eq=False)
class OneClassGone:
    """A set without any record of a class, the one record that is put back, and the prompt that names the class.

    Args:
        rows: all other classes' records.
        striking: the record that is put back; `position` among the stand-in's.
        query: vector of the class's name.
    """

    rows: Embeddings
    striking: Query
    position: int
    query: Query


@dataclass(frozen=True, eq=False)
class AnswersToPrompt:
    """Answers to the prompt, from the set with the striking record or without it, and their cosines to the record."""

    has_striking: bool
    answered: Answered
    cosines: Float[np.ndarray, "answer"]


def take_out(stand_in: StandIn, striking: str) -> OneClassGone:
    """Take a class out and keep its record that is nearest to its own name, so that the prompt finds it."""
    number = stand_in.class_named(striking)
    query, members = stand_in.prompts[number], np.flatnonzero(stand_in.class_of == number)
    position = int(members[np.argmax(stand_in.rows[members] @ query)])
    return OneClassGone(stand_in.rows[stand_in.class_of != number], stand_in.rows[position], position, query)


def query_both(gone: OneClassGone, plan: Plan) -> tuple[AnswersToPrompt, AnswersToPrompt]:
    """Answer the prompt as often as planned, from the set with the striking record and from the set without it."""
    return _query(gone, plan, True), _query(gone, plan, False)


def _query(gone: OneClassGone, plan: Plan, has_striking: bool) -> AnswersToPrompt:
    rows = np.concatenate([gone.rows, gone.striking[None]]) if has_striking else gone.rows
    with tempfile.TemporaryDirectory() as folder:
        answered = answer_queries(plan, gone.query[None], rows, Path(folder) / "store")
    lengths = np.maximum(np.linalg.norm(answered.vectors, axis=1), 1e-300)
    return AnswersToPrompt(has_striking, answered, answered.vectors @ gone.striking.astype(np.float64) / lengths)
