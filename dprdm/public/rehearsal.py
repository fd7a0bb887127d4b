"""What rehearsals share: a mechanism is acted out on public rows in several settings, and the best one is taken.

No private row is read, so it costs nothing. `dprdm.guarantee.rehearsal` chooses k and sampling rate of a mechanism that
searches, `dprdm.codebook.rehearsal` the cells and weights of a codebook.
"""

from abc import ABC

import numpy as np
from jaxtyping import Float


class Stage(ABC):
    """Public rows that stand for private ones, queries, and what each of these ought to be answered."""

    targets: Float[np.ndarray, "query dim"]

    def cosines(self, answers: Float[np.ndarray, "query dim"]) -> Float[np.ndarray, "query"]:
        """Return how near each answer comes to what it ought to be."""
        lengths = np.linalg.norm(answers, axis=1) * np.linalg.norm(self.targets, axis=1)
        return np.asarray((answers * self.targets).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny))
