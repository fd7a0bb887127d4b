"""Public rows and their captions, as far as mechanisms and denoisers may learn from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from dprdm.types import Embeddings, Queries, RowIds

NO_CAPTION = -1
# Larger collections are thinned to so many rows, evenly spaced: what is learnt are means and covariances.
MOST_ROWS = 50_000


@dataclass(frozen=True, eq=False)
class PublicKnowledge:
    """Public embeddings, the vectors of their distinct captions, and which caption is whose.

    Args:
        rows: unit norm.
        queries: vectors of the distinct captions, unit norm. There may be none.
        caption_of: position in `queries` of each row's caption; -1 where it has none.
        fingerprint: names the rows and captions.
        folder: where what is learnt from them may be kept.
    """

    rows: Embeddings
    queries: Queries
    caption_of: Int[np.ndarray, "row"]
    fingerprint: str
    folder: Path

    @property
    def dim(self) -> int:
        """Length of a row."""
        return int(self.rows.shape[1])

    def thinned(self, most: int = MOST_ROWS) -> "PublicKnowledge":
        """Return at most so many rows, evenly spaced, with all the captions."""
        if len(self.rows) <= most:
            return self
        positions = evenly(len(self.rows), most)
        return PublicKnowledge(
            self.rows[positions], self.queries, self.caption_of[positions], self.fingerprint, self.folder
        )


def evenly(length: int, most: int) -> RowIds:
    """Return positions of at most `most` of `length` things, evenly spaced, ascending."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).astype(np.int64))
