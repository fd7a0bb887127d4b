"""What noise does to retrieval: how far a released vector is from the clean neighbour mean, and which rows it still finds."""

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from dprdm.public.prior import nearest_means
from dprdm.types import Embeddings, Queries

BLOCK = 256


@dataclass(frozen=True, eq=False)
class Truth:
    """The rows nearest to each query, and their mean: what a release is a release of.

    Args:
        rows: all there are, unit norm.
        nearest: positions of those nearest to each query.
        means: of those, one a query.
    """

    rows: Embeddings
    nearest: Int[np.ndarray, "query near"]
    means: Float[np.ndarray, "query dim"]

    @classmethod
    def of(cls, queries: Queries, rows: Embeddings, count: int) -> "Truth":
        """Search all rows exactly for the `count` nearest."""
        return cls(rows, nearest_rows(queries, rows, count), nearest_means(queries, rows, count))

    @functools.cached_property
    def nearest_to_means(self) -> Int[np.ndarray, "query near"]:
        """The rows nearest to each clean mean, as many as were averaged."""
        return nearest_rows(self.means, self.rows, self.nearest.shape[1])

    def cosines(self, vectors: Float[np.ndarray, "query dim"]) -> Float[np.ndarray, "query"]:
        """Return the cosine between each vector and the clean mean of its query."""
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(self.means, axis=1)
        cosines: Float[np.ndarray, query] = (vectors * self.means).sum(axis=1) / np.maximum(lengths, 1e-300)
        return cosines

    def recalls(self, vectors: Float[np.ndarray, "query dim"]) -> Float[np.ndarray, "query"]:
        """Return the share, in [0, 1], of the rows nearest to the clean mean that are also nearest to the vector."""
        near = nearest_rows(vectors, self.rows, self.nearest.shape[1])
        shared = [len(np.intersect1d(*pair)) for pair in zip(near, self.nearest_to_means, strict=True)]
        shares: Float[np.ndarray, query] = np.array(shared) / self.nearest.shape[1]
        return shares

    def median_ranks(self, vectors: Float[np.ndarray, "query dim"]) -> Float[np.ndarray, "query"]:
        """Return the median rank of each query's nearest rows when all are ordered by their scores with the vector; 1 is best."""
        return np.array([self._rank(vector, near) for vector, near in zip(vectors, self.nearest, strict=True)])

    def _rank(self, vector: Float[np.ndarray, "dim"], near: Int[np.ndarray, "near"]) -> float:
        scores = self.rows @ vector.astype(np.float32)
        return float(np.median(len(scores) - np.searchsorted(np.sort(scores), scores[near], side="right"))) + 1


def nearest_rows(
    vectors: Float[np.ndarray, "query dim"], rows: Embeddings, count: int
) -> Int[np.ndarray, "query near"]:
    """Return the positions of the `count` rows with the largest inner product with each vector, in no order."""
    blocks = [vectors[start : start + BLOCK].astype(np.float32) @ rows.T for start in range(0, len(vectors), BLOCK)]
    return np.concatenate([np.argpartition(-scores, count - 1, axis=1)[:, :count] for scores in blocks])


def class_means(rows: Embeddings, class_of: Int[np.ndarray, "row"], count: int) -> Float[np.ndarray, "class dim"]:
    """Return the mean of each class's rows, at unit length."""
    means = np.stack([rows[class_of == number].mean(axis=0, dtype=np.float64) for number in range(count)])
    units: Float[np.ndarray, "class dim"] = means / np.linalg.norm(means, axis=1, keepdims=True)
    return units


def class_ranks(
    vectors: Float[np.ndarray, "query dim"], means: Float[np.ndarray, "class dim"], right: Int[np.ndarray, "query"]
) -> Float[np.ndarray, "query"]:
    """Return the rank of the right class when class means are ordered by inner product; 1 is best, ties count half."""
    scores = vectors @ means.T
    of_right = np.take_along_axis(scores, right[:, None], axis=1)
    ties = ((scores == of_right).sum(axis=1) - 1) / 2
    ranks: Float[np.ndarray, query] = 1 + (scores > of_right).sum(axis=1) + ties
    return ranks
