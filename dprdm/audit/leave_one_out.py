"""The paper's own demonstration: a data set with one striking image, and the same set without it, asked the same.

Nonprivate retrieval may show the image; a private release must not.

Source: the demonstration of the DP-RDM paper (arXiv 2403.14421).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from dprdm.audit.shadows import answer_as_planned
from dprdm.data.stand_in import StandIn
from dprdm.release.plan import Plan
from dprdm.types import Answered, Embeddings, Query


@dataclass(frozen=True, eq=False)
class StrikingRecord:
    """A set without any record of a class, the one record of it that is put back, and the prompt that calls for it.

    Args:
        others: all other classes' records.
        record: the striking one; `position` among the stand-in's.
        query: vector of the class's name.
    """

    others: Embeddings
    record: Query
    position: int
    query: Query


@dataclass(frozen=True, eq=False)
class PromptAnswers:
    """Answers to the prompt, from the set with the striking record or without it."""

    has_record: bool
    answered: Answered
    cosines: Float[np.ndarray, "answer"]


def take_out(stand_in: StandIn, striking: str) -> StrikingRecord:
    """Take a class out, and pick its record that is nearest to its own name, so that the prompt retrieves it."""
    number = stand_in.class_named(striking)
    query, members = stand_in.prompts[number], np.flatnonzero(stand_in.class_of == number)
    position = int(members[np.argmax(stand_in.rows[members] @ query)])
    return StrikingRecord(stand_in.rows[stand_in.class_of != number], stand_in.rows[position], position, query)


def answer_with_and_without(striking: StrikingRecord, plan: Plan) -> tuple[PromptAnswers, PromptAnswers]:
    """Answer the prompt, as often as planned, from the set with the striking record and from the set without it."""
    return _answer(striking, plan, True), _answer(striking, plan, False)


def _answer(striking: StrikingRecord, plan: Plan, has_record: bool) -> PromptAnswers:
    rows = np.concatenate([striking.others, striking.record[None]]) if has_record else striking.others
    with tempfile.TemporaryDirectory() as folder:
        answered = answer_as_planned(plan, striking.query[None], rows, Path(folder) / "store")
    lengths = np.maximum(np.linalg.norm(answered.vectors, axis=1), 1e-300)
    return PromptAnswers(has_record, answered, answered.vectors @ striking.record.astype(np.float64) / lengths)
