import os

import numpy as np
import pytest
from scipy import stats

from dprdm.errors import UserError
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.sampling import poisson_sample
from tests.statistics import FALSE_ALARM, counts_fit

NUM_UNITS, RATE, DRAWS = 200, 0.1, 4000


@pytest.fixture(scope="module")
def masks():
    """Which units were in, for each of many samples."""
    drawn = np.zeros((DRAWS, NUM_UNITS), dtype=bool)
    for mask in drawn:
        mask[poisson_sample(NUM_UNITS, RATE, SecureNoise())] = True
    return drawn


def _binomial(rate: float) -> np.ndarray:
    return DRAWS * stats.binom.pmf(np.arange(NUM_UNITS + 1), NUM_UNITS, rate)


def _count_histogram(masks: np.ndarray) -> np.ndarray:
    return np.bincount(masks.sum(axis=1), minlength=NUM_UNITS + 1)


def test_counts_are_binomial(masks):
    assert counts_fit(_count_histogram(masks), _binomial(RATE))


def test_control_other_counts_are_caught(masks):
    assert not counts_fit(_count_histogram(masks), _binomial(RATE * 1.05))
    fixed_size = np.zeros(NUM_UNITS + 1)
    fixed_size[round(NUM_UNITS * RATE)] = DRAWS
    assert not counts_fit(fixed_size, _binomial(RATE))


def _coins_fit(masks: np.ndarray) -> bool:
    """Each unit's frequency, and the joint frequency of each pair of neighbours in order, against independent coins."""
    deviations = (masks.sum(axis=0) - DRAWS * RATE) / np.sqrt(DRAWS * RATE * (1 - RATE))
    pairs = (masks[:, 1:] & masks[:, :-1]).sum()
    expected = DRAWS * (NUM_UNITS - 1) * RATE**2
    units = stats.chi2.sf(np.sum(deviations**2), NUM_UNITS) > FALSE_ALARM
    return bool(units and abs(pairs - expected) < 6 * np.sqrt(expected))


def test_each_unit_has_its_own_coin(masks):
    assert _coins_fit(masks)


def test_control_dependent_coins_are_caught(masks):
    never_the_last = masks.copy()
    never_the_last[:, -1] = False
    assert not _coins_fit(never_the_last)
    assert not _coins_fit(np.repeat(masks[:, ::2], 2, axis=1))


def test_ascending_and_distinct():
    ids = poisson_sample(10_000, 0.3, SecureNoise())
    assert ids.dtype == np.int64
    assert np.all(np.diff(ids) > 0)
    assert ids[0] >= 0
    assert ids[-1] < 10_000


def test_rate_one_keeps_all():
    assert poisson_sample(5, 1.0, SecureNoise()).tolist() == [0, 1, 2, 3, 4]


def test_an_empty_sample_and_an_empty_store():
    assert poisson_sample(10, 1e-9, SecureNoise()).size == 0
    assert poisson_sample(0, 0.5, SecureNoise()).size == 0


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.5, np.nan])
def test_rates_outside_0_to_1_are_refused(rate):
    with pytest.raises(UserError, match="sampling_rate"):
        poisson_sample(10, rate, SecureNoise())


def test_cost_grows_with_the_sample_not_with_the_collection():
    read = []

    def entropy(size: int) -> bytes:
        read.append(size)
        return os.urandom(size)

    poisson_sample(10**9, 1e-6, SecureNoise(entropy))
    assert sum(read) < 8 * 2000
