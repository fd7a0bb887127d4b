"""Scores that are integers, so that no block edge of a matrix product can make one row's score depend on another row."""

import numpy as np
from jaxtyping import Float

SCALE = 2.0**15


def quantise(vectors: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Quantise vectors to integers in [-2^15, 2^15], as float64, in units of 2^-15, cut off at 1.

    Products of two such vectors and every partial sum are integers below 2^53 for up to 2^22 dimensions: exact in
    float64, whatever the order.
    """
    scaled = np.clip(vectors, -1, 1)
    scaled *= SCALE
    return np.asarray(np.rint(scaled, out=scaled), dtype=np.float64)
