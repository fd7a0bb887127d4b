import numpy as np
import pytest
from dp_accounting import dp_event

from dprdm.errors import UserError
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.mechanisms.nonprivate import NonPrivate
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.noise import SecureNoise
from tests.fakes import private_store, unit_rows

QUERIES = unit_rows(3, 8, seed=1).astype(np.float64)


def test_the_mean_that_gaussian_would_noise(tmp_path):
    store, noise = private_store(tmp_path, unit_rows(30, 8)), SecureNoise()
    clean = NonPrivate(k=4, sampling_rate=1.0).release(QUERIES, store, Exact(), 0.0, noise)
    noised = Gaussian(k=4, sampling_rate=1.0).release(QUERIES, store, Exact(), 1e-6, noise)
    assert np.allclose(clean, noised, atol=1e-5)


def test_says_that_it_is_not_private():
    assert not NonPrivate.is_private
    assert NonPrivate().event(0.0, 100) == dp_event.NonPrivateDpEvent()


def test_fields_are_checked():
    with pytest.raises(UserError, match="k=0"):
        NonPrivate(k=0)
