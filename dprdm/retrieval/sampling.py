"""Poisson sampling of the units of privacy, at a cost that grows with the sample, not with the collection."""

import math

import numpy as np

from dprdm import check
from dprdm.privacy.noise import SecureNoise
from dprdm.types import UnitIds


def poisson_sample(num_units: int, sampling_rate: float, noise: SecureNoise) -> UnitIds:
    """Draw the ids of a sample that holds each of `num_units` with probability `sampling_rate`, independently. Ascending.

    The gaps between successive members are geometric, so they are drawn instead of one coin a unit. The draws come from
    the operating system and are exact (`SecureNoise.geometric`): amplification by sampling is credited only for a
    secret, independent sample.

    Args:
        num_units: records, or persons.
        sampling_rate: in (0, 1]; 1 keeps all.
    Raises:
        UserError: if `sampling_rate` is outside (0, 1].
    Guarantee:
        - Each unit is in with its own coin (tests/retrieval/test_sampling.py::test_each_unit_has_its_own_coin).
        - Counts are binomial (tests/retrieval/test_sampling.py::test_counts_are_binomial).
    Source: Vitter 1984 (skips); arXiv 1908.10530 (what a Poisson sample is worth).
    """
    check.in_range(0.0, 1.0, sampling_rate=check.positive(sampling_rate=sampling_rate))
    if sampling_rate == 1:
        return np.arange(num_units, dtype=np.int64)
    pieces, last = [], -1
    while last < num_units - 1:
        expected = (num_units - 1 - last) * sampling_rate
        count = math.ceil(expected + 4 * math.sqrt(expected) + 8)
        gaps = noise.geometric(count, sampling_rate, num_units) + 1
        pieces.append(last + np.cumsum(gaps))
        last = int(pieces[-1][-1])
    ids = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
    return ids[ids < num_units]
