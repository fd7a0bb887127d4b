"""Named shapes and units of everything that crosses a module boundary on the private path.

The private path is numpy only. It cannot meet an autocast context, a torch seed or a device, and `plan` and `ledger`
answer without importing torch. The shapes of tensors on the public path are in `dprdm.diffusion.shapes`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

# What the command line refuses before it loads anything: the short name of a plugin that nobody has, and a missing file.
MechanismName: TypeAlias = str
RetrieverName: TypeAlias = str
DenoiserName: TypeAlias = str
EncoderName: TypeAlias = str
MetricName: TypeAlias = str
MetricNames: TypeAlias = str  # with commas between them
ExistingFile: TypeAlias = Path
ExistingFolder: TypeAlias = Path
# One unit-norm CLIP vector per request.
Queries: TypeAlias = Float[np.ndarray, "query dim"]
Query: TypeAlias = Float[np.ndarray, "dim"]
# Embeddings of a store, unit norm, one row per image.
Embeddings: TypeAlias = Float[np.ndarray, "row dim"]
# Positions of rows in a store, ascending.
RowIds: TypeAlias = Int[np.ndarray, "row"]
# Positions of the rows nearest to a query, best first.
RankedRowIds: TypeAlias = Int[np.ndarray, "rank"]
# Units of privacy, ascending: rows, or persons where rows are grouped.
UnitIds: TypeAlias = Int[np.ndarray, "unit"]
# k neighbours of one query, by rank; missing ones are zero rows.
Neighbours: TypeAlias = Float[np.ndarray, "k dim"]
# What audits compare: one row of numbers for each of many releases.
Outcomes: TypeAlias = Float[np.ndarray, "trial column"]
# What leaves the mechanism: one vector per query, already private.
Released: TypeAlias = Float[np.ndarray, "query dim"]


@dataclass(frozen=True, eq=False)
class Answered:
    """One vector per query, and how far off each is expected to be: root mean square error, per coordinate."""

    vectors: Released
    noise_std: Float[np.ndarray, "query"]
