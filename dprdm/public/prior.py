"""Where neighbour means lie, learnt from public rows and their captions: a centre for each query, and a covariance.

A neighbour mean m of a query u is taken to be m = c(u) + r, r ~ N(0, S). The centre c(u) is the mean of the public rows
nearest to u; S is the covariance, over public images, of the mean of an image's neighbours less the centre of its caption.
Both are public, so whatever is computed from them and from a release is post-processing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from dprdm.errors import UserError
from dprdm.files import write_whole
from dprdm.public.knowledge import NO_CAPTION, PublicKnowledge, evenly
from dprdm.types import Embeddings, Queries

NAME = "prior.safetensors"
NEIGHBOURS = 50
MOST_PAIRS = 2048
BLOCK = 512
# Means of more rows than this are products with a matrix of ones and zeros: many times as fast as copying the rows.
MOST_GATHERED = 1000


@dataclass(frozen=True, eq=False)
class PublicPrior:
    """What to expect of a query's neighbour mean before a private row is read.

    Args:
        rows: public ones, unit norm.
        basis: eigenvectors of the covariance, one a column.
        variances: along them, descending.
    """

    rows: Embeddings
    basis: Float[np.ndarray, "dim dim"]
    variances: Float[np.ndarray, "dim"]

    def centre(self, queries: Queries, neighbours: int = NEIGHBOURS) -> Float[np.ndarray, "query dim"]:
        """Return the expected neighbour mean of each query: that of its nearest public rows, so many of them."""
        distinct, which = np.unique(queries, axis=0, return_inverse=True)
        return nearest_means(distinct, self.rows, min(neighbours, len(self.rows)))[which.reshape(-1)]

    def spread(self, amount: float) -> Float[np.ndarray, "component dim"]:
        """Return directions in which neighbour means of images lie around the centre of their caption.

        Each is as long as its standard deviation, times `amount`.
        """
        return np.asarray(amount * np.sqrt(self.variances)[:, None] * self.basis.T)

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        tensors = {name: np.ascontiguousarray(value) for name, value in vars(self).items()}
        write_whole(path, lambda tmp_path: save_file(tensors, tmp_path))

    @classmethod
    def load(cls, path: Path) -> "PublicPrior":
        """Read one. Raises UserError if the file is damaged."""
        try:
            return cls(**load_file(path))
        except (SafetensorError, TypeError, OSError) as error:
            raise UserError(
                f"Expected a public prior in {path}; it is damaged. Remove it, and it is made anew."
            ) from error


def posterior(vectors: Any, centre: Any, noise_variance: Any, basis: Any, variances: Any) -> tuple[Any, Any]:
    """Return the posterior mean of r + centre given vectors = centre + r + noise, r ~ N(0, S): the Wiener filter.

    For numpy arrays and torch tensors alike.

    Args:
        vectors: (query, dim).
        centre: (query, dim).
        noise_variance: (query, 1), per coordinate.
        basis: (dim, dim), eigenvectors of S as columns.
        variances: (dim,) or (query, dim), along them.
    Returns:
        The means (query, dim), and their expected mean square error per coordinate (query,).
    """
    shares = variances / (variances + noise_variance)
    means = centre + (((vectors - centre) @ basis) * shares) @ basis.T
    return means, (shares * noise_variance).mean(-1)


def fit_prior(knowledge: PublicKnowledge, neighbours: int = NEIGHBOURS) -> PublicPrior:
    """Learn the covariance from public rows and their captions.

    Rows without a caption are compared with the mean of all rows.

    Args:
        neighbours: of an image, averaged to what the covariance is of.
    """
    thinned = knowledge.thinned()
    count = min(neighbours, len(thinned.rows))
    positions = evenly(len(thinned.rows), MOST_PAIRS)
    captions, captioned = thinned.caption_of[positions], thinned.caption_of[positions] != NO_CAPTION
    centre = np.tile(thinned.rows.mean(axis=0, dtype=np.float64), (len(positions), 1))
    distinct, which = np.unique(captions[captioned], return_inverse=True)
    centre[captioned] = nearest_means(thinned.queries[distinct], thinned.rows, count)[which]
    residuals = nearest_means(thinned.rows[positions], thinned.rows, count) - centre
    variances, basis = np.linalg.eigh(residuals.T @ residuals / len(residuals))
    return PublicPrior(thinned.rows, basis[:, ::-1].copy(), np.maximum(variances[::-1], 1e-12))


def load_or_fit_prior(path: Path, knowledge: Callable[[], PublicKnowledge]) -> PublicPrior:
    """Load the prior from `path`; fit and save it if there is none yet."""
    if not path.is_file():
        fit_prior(knowledge()).save(path)
    return PublicPrior.load(path)


def nearest_means(queries: Queries, rows: Embeddings, count: int) -> Float[np.ndarray, "query dim"]:
    """Return the mean of the `count` rows with the largest inner product with each query."""
    means = np.empty((len(queries), rows.shape[1]))
    for start in range(0, len(queries), BLOCK):
        scores = queries[start : start + BLOCK].astype(np.float32) @ rows.T
        nearest = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        if count > MOST_GATHERED:
            chosen = np.zeros(scores.shape, np.float32)
            np.put_along_axis(chosen, nearest, 1, axis=1)
            means[start : start + BLOCK] = (chosen @ rows).astype(np.float64) / count
            continue
        for number, rows_of_query in enumerate(nearest, start):
            means[number] = rows[rows_of_query].mean(axis=0, dtype=np.float64)
    return means
