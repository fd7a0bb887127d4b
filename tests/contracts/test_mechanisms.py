"""What every mechanism must keep, whoever wrote it: checked by brute force on small stores, with the same coins."""

import dataclasses
import random
import shutil

import numpy as np
import pytest
from dp_accounting import dp_event

from dprdm.errors import UserError
from dprdm.guarantee.description import describe, describe_release
from dprdm.guarantee.mechanism import READING, OneReleaseMechanism, Tuning
from dprdm.privacy import events
from dprdm.privacy.accountant import report
from dprdm.privacy.distributions import NoNoise
from dprdm.privacy.noise import SecureNoise
from dprdm.registry import load_all
from tests.contracts import mechanisms as clauses
from tests.contracts.mechanisms import COUNT, DIM, QUERIES, TINY, prepared, queries, released
from tests.fakes import private_store, unit_rows
from tests.statistics import laplace_scale_is, shape_is_laplace, shape_is_normal, uncorrelated
from tests.statistics import scale_is as normal_scale_is

MECHANISMS = load_all("mechanism")


@pytest.fixture(params=sorted(MECHANISMS))
def mechanism(request, tmp_path):
    return prepared(MECHANISMS[request.param](), tmp_path)


@pytest.fixture(params=sorted(name for name, plugin in MECHANISMS.items() if plugin.is_private))
def private_mechanism(request, tmp_path):
    return prepared(MECHANISMS[request.param](), tmp_path)


def _stores_without_one(path, vectors, groups):
    """The store, and the store without each unit in turn."""
    yield private_store(path / "all", vectors, groups)
    for number, group in enumerate(groups):
        kept = np.delete(np.arange(len(vectors)), group)
        position = {int(row): index for index, row in enumerate(kept)}
        others = [[position[row] for row in other] for other in groups if other != group]
        yield private_store(path / str(number), vectors[kept], others)


def _clusters():
    """Rows that pull as far apart as they can: half one way, half the other."""
    vectors = np.concatenate([unit_rows(COUNT // 2, DIM), -unit_rows(COUNT // 2, DIM)])
    return vectors * np.linspace(0.2, 3.0, COUNT, dtype=np.float32)[:, None]


def _moved(mechanism, whole, other):
    """How far what is noised moved, in the norm of the noise: of each answer, or of the one release that answers all."""
    apart = (whole - other).reshape(1, -1) if isinstance(mechanism, OneReleaseMechanism) else whole - other
    return np.linalg.norm(apart, ord=mechanism.noise.norm, axis=1).max()


@pytest.mark.parametrize("vectors", [unit_rows(COUNT, DIM), _clusters()], ids=["unit", "clusters"])
@pytest.mark.parametrize("size", [1, 2])
def test_sensitivity_by_brute_force(mechanism, tmp_path, vectors, size):
    groups = [list(range(start, start + size)) for start in range(0, COUNT, size)]
    whole, *others = [released(mechanism, store) for store in _stores_without_one(tmp_path, vectors, groups)]
    moved = max(_moved(mechanism, whole, other) for other in others)
    assert moved <= mechanism.sensitivity(size) + 1000 * TINY
    assert moved > 1e-3  # the store does matter


def test_sensitivity_grows_with_what_a_person_may_hold(mechanism):
    assert mechanism.sensitivity(1) < mechanism.sensitivity(3) <= 3 * mechanism.sensitivity(1) * (1 + 1e-12)


def test_noise_is_the_one_accounted(private_mechanism, tmp_path):
    """The released noise has the standard deviation that the event claims: its multiplier times the sensitivity."""
    store, noise_std = private_store(tmp_path, unit_rows(COUNT, DIM)), 0.3
    clean = released(private_mechanism, store)
    drawn = np.stack([released(private_mechanism, store, noise_std) - clean for _ in range(400)])
    (base, count), *more = events.base_events(private_mechanism.event(noise_std, QUERIES))
    once = base.event if isinstance(base, dp_event.PoissonSampledDpEvent) else base
    assert not more
    assert count == (1 if isinstance(private_mechanism, OneReleaseMechanism) else QUERIES)
    scale_is, shape_is, std = _statistics(once)
    assert scale_is(std * private_mechanism.sensitivity(), drawn)
    assert not scale_is(std * private_mechanism.sensitivity() * 1.1, drawn)  # control
    assert shape_is(drawn / noise_std)
    assert type(private_mechanism.noise.once(1.0)) is type(once)


def _statistics(once):
    """Tests of scale and shape, and the standard deviation in units of the sensitivity, as this event has them."""
    match once:
        case dp_event.GaussianDpEvent(noise_multiplier=multiplier):
            return normal_scale_is, shape_is_normal, multiplier
        case dp_event.LaplaceDpEvent(noise_multiplier=multiplier):
            return laplace_scale_is, shape_is_laplace, multiplier * 2**0.5
    raise AssertionError(f"no test of {once} here: add one")


def test_hazard_01_two_releases_share_no_noise(private_mechanism, tmp_path):
    store, drawn = private_store(tmp_path, unit_rows(COUNT, DIM)), []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        drawn.append(np.stack([released(private_mechanism, store, 0.3) for _ in range(50)]))
    centre = np.concatenate(drawn).mean(axis=0)
    assert uncorrelated(drawn[0] - centre, drawn[1] - centre)
    assert np.unique(drawn[0][:, 0, 0]).size == 50


def test_the_numbers_of_one_release_share_no_noise(private_mechanism, tmp_path):
    store = private_store(tmp_path, unit_rows(COUNT, DIM))
    assert clauses.numbers_of_a_release_share_no_noise(private_mechanism, store)


def test_every_number_lies_on_the_grid_of_its_noise(private_mechanism, tmp_path):
    assert clauses.lies_on_the_grid_of_its_noise(private_mechanism, private_store(tmp_path, unit_rows(COUNT, DIM)))


def test_a_release_is_a_function_of_the_entropy_alone(private_mechanism, tmp_path):
    assert clauses.is_a_function_of_the_entropy(private_mechanism, private_store(tmp_path, unit_rows(COUNT, DIM)))


@pytest.mark.parametrize("rate", [1.0, 1e-9])
def test_hazard_06_short_and_empty_samples_answer(mechanism, tmp_path, rate):
    store = private_store(tmp_path, unit_rows(3, DIM))
    tuned = mechanism if mechanism.tuning is None else mechanism.tuned(sampling_rate=rate)
    assert np.isfinite(released(tuned, store)).all()


def test_more_queries_and_larger_persons_never_cost_less(mechanism):
    if not mechanism.is_private:
        assert report(mechanism.event(0.0, 1), 1e-6).epsilon == np.inf
        return
    one, more, persons = (report(mechanism.event(1.0, *args), 1e-6).epsilon for args in ((1, 1), (10, 1), (1, 3)))
    assert 0 < one <= more
    assert one < persons


def test_a_mechanism_without_noise_says_so(mechanism):
    assert mechanism.is_private is not isinstance(mechanism.noise, NoNoise)


def test_k_and_sampling_rate_are_what_was_tuned(mechanism):
    if mechanism.tuning is None:
        with pytest.raises(UserError, match="no k"):
            mechanism.tuned(3)
        return
    tuned = mechanism.tuned(3, 0.25)
    assert (tuned.tuning.k, tuned.tuning.sampling_rate) == (3, 0.25)
    assert tuned.tuned(k=7).tuning == Tuning(7, 0.25)
    assert tuned.tuned(*dataclasses.astuple(mechanism.tuning)) == mechanism
    assert tuned.sensitivity() > tuned.tuned(k=7).sensitivity()


@pytest.fixture(params=sorted(name for name, kind in MECHANISMS.items() if issubclass(kind, OneReleaseMechanism)))
def once(request, tmp_path):
    return prepared(MECHANISMS[request.param](), tmp_path)


def test_answers_come_of_the_array_alone(once, tmp_path):
    """The stored array answers as the release did, here and in its own file; the store is gone by then."""
    store = private_store(tmp_path / "store", unit_rows(COUNT, DIM))
    published = once.release(store, 0.3, SecureNoise())
    shutil.rmtree(store.path)
    replicates = np.zeros(QUERIES, np.int64)
    first, again = (one.answer(queries(), replicates) for one in (published, once.restore(published.array, 0.3)))
    assert first.vectors.shape == (QUERIES, DIM) and first.noise_std.shape == (QUERIES,)
    assert np.array_equal(first.vectors, again.vectors) and np.array_equal(first.noise_std, again.noise_std)
    published.save(tmp_path / "file", {"noise_std": 0.3})
    assert (tmp_path / "file").stat().st_size > published.array.nbytes


def test_what_says_how_a_release_is_read_changes_neither_release_nor_cost(once):
    reading = [field.name for field in dataclasses.fields(once) if field.metadata == READING]
    everything = describe(once)["fields"]
    assert describe_release(once)["fields"] == {name: everything[name] for name in everything if name not in reading}
    assert once.read_as(once) == once


def test_events_go_to_json_and_back(mechanism):
    event = mechanism.event(1.0, 7)
    assert events.from_json(events.to_json(event)) == event


def test_fields_are_public_and_frozen(mechanism):
    assert dataclasses.is_dataclass(mechanism)
    assert type(mechanism).__dataclass_params__.frozen
    assert all(isinstance(value, (int, float, str, bool)) for value in dataclasses.asdict(mechanism).values())
