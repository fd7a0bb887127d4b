import numpy as np
import pytest
from dp_accounting import dp_event

from dprdm.errors import StoreError, UserError
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.noise import SecureNoise
from tests.fakes import private_store, unit_rows

DIM, TINY = 8, 1e-6
QUERY = np.eye(DIM)[:1]


def _release(vectors, tmp_path, k=4, rate=1.0, queries=QUERY, groups=None, **fields):
    store = private_store(tmp_path, vectors, groups)
    return Gaussian(k=k, sampling_rate=rate, **fields).release(queries, store, Exact(), TINY, SecureNoise())


def test_mean_of_the_k_nearest(tmp_path):
    vectors = unit_rows(50, DIM)
    nearest = vectors[np.argsort(-vectors @ QUERY[0])[:4]]
    assert np.allclose(_release(vectors, tmp_path)[0], nearest.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("present", [1, 2, 3])
def test_hazard_06_missing_neighbours_are_zero_rows(tmp_path, present):
    """A fixed divisor: with `present` of 4 neighbours the mean is their sum over 4, and the last row is not repeated."""
    vectors = np.tile(np.eye(DIM)[:1], (present, 1))
    assert _release(vectors, tmp_path)[0][0] == pytest.approx(present / 4, abs=1e-5)


def test_an_empty_sample_is_pure_noise(tmp_path):
    assert np.abs(_release(unit_rows(5, DIM), tmp_path, rate=1e-12)).max() < 100 * TINY


def test_hazard_10_long_rows_are_clipped(tmp_path):
    assert _release(100 * np.eye(DIM)[:1], tmp_path, k=1)[0][0] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_hazard_10_a_damaged_row_is_refused(tmp_path, bad):
    vectors = unit_rows(4, DIM)
    vectors[2, 3] = bad
    with pytest.raises(StoreError, match="finite"):
        _release(vectors, tmp_path)


@pytest.mark.parametrize("queries", [np.full((1, DIM), np.nan), np.ones((1, DIM + 1))])
def test_unfit_queries_are_refused(tmp_path, queries):
    with pytest.raises(UserError, match="finite queries of length 8"):
        _release(unit_rows(4, DIM), tmp_path, queries=queries)


def test_persons_are_sampled_whole(tmp_path):
    """Both rows of a person, or neither: never one."""
    store = private_store(tmp_path, np.tile(np.eye(DIM)[:1], (2, 1)), [[0, 1]])
    mechanism, noise = Gaussian(k=2, sampling_rate=0.5), SecureNoise()
    means = {round(float(mechanism.release(QUERY, store, Exact(), TINY, noise)[0, 0]), 3) for _ in range(64)}
    assert means == {0.0, 1.0}


def test_each_query_has_its_own_sample(tmp_path):
    released = _release(np.eye(DIM)[:1], tmp_path, k=1, rate=0.5, queries=np.tile(QUERY, (64, 1)))
    assert set(np.round(released[:, 0], 3) + 0.0) == {0.0, 1.0}


def test_sensitivity_is_two_over_k():
    assert Gaussian(k=20).sensitivity() == pytest.approx(0.1, rel=2e-9)
    assert Gaussian(k=20).sensitivity() > 0.1  # the allowance for rounding
    assert Gaussian(k=20, clip_norm=0.5).sensitivity(3) == pytest.approx(0.15, rel=2e-9)
    assert Gaussian(k=2).sensitivity(50) == pytest.approx(2, rel=2e-9)  # two of two is all there is to move


def test_the_bound_is_reached(tmp_path):
    """The worst case: without the one record on this side, the next neighbour is on the other."""
    here, there = np.eye(DIM)[:1], -np.eye(DIM)[:1]
    with_record = _release(np.concatenate([here, there]), tmp_path / "a", k=1)
    without = _release(there, tmp_path / "b", k=1)
    assert np.linalg.norm(with_record - without) == pytest.approx(Gaussian(k=1).sensitivity(), rel=1e-5)


def test_event_is_a_poisson_sampled_gaussian_per_query():
    mechanism = Gaussian(k=18, sampling_rate=0.01)
    once = dp_event.PoissonSampledDpEvent(0.01, dp_event.GaussianDpEvent(0.2 / mechanism.sensitivity()))
    assert mechanism.event(0.2, 1000) == dp_event.SelfComposedDpEvent(once, 1000)
    plain = Gaussian(k=18, sampling_rate=1.0)
    assert plain.event(0.2, 5).event == dp_event.GaussianDpEvent(0.2 / plain.sensitivity())


@pytest.mark.parametrize("fields", [{"k": 0}, {"sampling_rate": 0.0}, {"sampling_rate": 1.1}, {"clip_norm": 0.0}])
def test_fields_are_checked(fields):
    with pytest.raises(UserError, match=next(iter(fields))):
        Gaussian(**fields)


def test_progress_counts_queries_and_nothing_else(tmp_path):
    store, ticks = private_store(tmp_path, unit_rows(5, DIM)), []
    Gaussian().release(np.tile(QUERY, (3, 1)), store, Exact(), TINY, SecureNoise(), ticks.append)
    assert ticks == [1, 1, 1]


def test_no_noise_is_refused(tmp_path):
    with pytest.raises(UserError, match="noise_std"):
        Gaussian().release(QUERY, private_store(tmp_path, unit_rows(5, DIM)), Exact(), 0.0, SecureNoise())
