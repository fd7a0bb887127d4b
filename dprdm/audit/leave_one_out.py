"""The paper's own demonstration: a data set with one striking image, and the same set without it, asked the same.

Source: the demonstration of the DP-RDM paper (arXiv 2403.14421).
Nonprivate retrieval may show the image; a private release must not.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from dprdm.audit.shadows import Released
from dprdm.data.stand_in import StandIn
from dprdm.types import Answered, Embeddings, Query


@dataclass(frozen=True, eq=False)
class OneClassGone:
    """A set without any record of a class, the one record that is put back, and the prompt that asks for it.

    Args:
        rows: all other classes' records.
        one: the striking record; `position` among the stand-in's.
        query: vector of the class's name.
    """

    rows: Embeddings
    one: Query
    position: int
    query: Query


@dataclass(frozen=True, eq=False)
class Asked:
    """Answers to the prompt, from the set with the striking record or without it."""

    has_one: bool
    answered: Answered
    cosines: Float[np.ndarray, "answer"]


def take_out(stand_in: StandIn, striking: str) -> OneClassGone:
    """Take a class out and keep its record that is nearest to its own name, so that the prompt finds it."""
    number = stand_in.class_named(striking)
    query, mine = stand_in.prompts[number], np.flatnonzero(stand_in.class_of == number)
    position = int(mine[np.argmax(stand_in.rows[mine] @ query)])
    return OneClassGone(stand_in.rows[stand_in.class_of != number], stand_in.rows[position], position, query)


def ask_both(gone: OneClassGone, released: Released) -> tuple[Asked, Asked]:
    """The prompt, as often as planned, to the set with the striking record and to the set without it."""
    return _ask(gone, released, True), _ask(gone, released, False)


def _ask(gone: OneClassGone, released: Released, has_one: bool) -> Asked:
    rows = np.concatenate([gone.rows, gone.one[None]]) if has_one else gone.rows
    with tempfile.TemporaryDirectory() as folder:
        answered = released.ask(gone.query[None], rows, Path(folder) / "store")
    lengths = np.maximum(np.linalg.norm(answered.vectors, axis=1), 1e-300)
    return Asked(has_one, answered, answered.vectors @ gone.one.astype(np.float64) / lengths)
