"""What every mechanism must keep, whoever wrote it: checked by brute force on small stores, with the same coins."""

import dataclasses
import random

import numpy as np
import pytest
from dp_accounting import dp_event

from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy import events
from dprdm.privacy.accountant import report
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from dprdm.registry import load_all
from dprdm.release.mechanism import Terms
from tests.fakes import private_store, public_knowledge, unit_rows
from tests.statistics import scale_is, shape_is_normal, uncorrelated

MECHANISMS = load_all("mechanism")
COUNT, DIM, QUERIES = 40, 8, 3
TINY = 1e-6  # noise so small that the release shows what was noised


@pytest.fixture(params=sorted(MECHANISMS))
def mechanism(request, tmp_path):
    return _prepared(MECHANISMS[request.param](), tmp_path)


@pytest.fixture(params=sorted(name for name, plugin in MECHANISMS.items() if plugin.is_private))
def private_mechanism(request, tmp_path):
    return _prepared(MECHANISMS[request.param](), tmp_path)


def _prepared(mechanism, folder):
    """With small settings, and what it leaves open decided on public rows."""
    terms = Terms(Budget(1.0, 1e-5), QUERIES, COUNT)
    return _with(mechanism, k=5, sampling_rate=1.0).prepare(public_knowledge(folder / "public", 120, DIM), terms)


def _with(mechanism, **fields):
    known = {field.name for field in dataclasses.fields(mechanism)}
    return dataclasses.replace(mechanism, **{name: value for name, value in fields.items() if name in known})


def _queries():
    return unit_rows(QUERIES, DIM, seed=5).astype(np.float64)


def _release(mechanism, store, noise_std=TINY):
    noise_std = noise_std if mechanism.is_private else 0.0
    return mechanism.release(_queries(), store, Exact(), noise_std, SecureNoise())


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
    """How far what is noised moved: of each query's answer, or of the one release that answers all."""
    axis = None if mechanism.answers_all_after_one_release else -1
    return np.linalg.norm(whole - other, axis=axis).max()


@pytest.mark.parametrize("vectors", [unit_rows(COUNT, DIM), _clusters()], ids=["unit", "clusters"])
@pytest.mark.parametrize("size", [1, 2])
def test_sensitivity_by_brute_force(mechanism, tmp_path, vectors, size):
    groups = [list(range(start, start + size)) for start in range(0, COUNT, size)]
    whole, *others = [_release(mechanism, store) for store in _stores_without_one(tmp_path, vectors, groups)]
    moved = max(_moved(mechanism, whole, other) for other in others)
    assert moved <= mechanism.sensitivity(size) + 1000 * TINY
    assert moved > 1e-3  # the store does matter


def test_sensitivity_grows_with_what_a_person_may_hold(mechanism):
    assert mechanism.sensitivity(1) < mechanism.sensitivity(3) <= 3 * mechanism.sensitivity(1) * (1 + 1e-12)


def test_noise_is_the_one_accounted(private_mechanism, tmp_path):
    """The released noise has the standard deviation that the event claims: its multiplier times the sensitivity."""
    store, noise_std = private_store(tmp_path, unit_rows(COUNT, DIM)), 0.3
    clean = _release(private_mechanism, store)
    drawn = np.stack([_release(private_mechanism, store, noise_std) - clean for _ in range(400)])
    (base, count), *more = events.base_events(private_mechanism.event(noise_std, QUERIES))
    gaussian = base.event if isinstance(base, dp_event.PoissonSampledDpEvent) else base
    assert not more
    assert count == (1 if private_mechanism.answers_all_after_one_release else QUERIES)
    assert scale_is(gaussian.noise_multiplier * private_mechanism.sensitivity(), drawn)
    assert not scale_is(gaussian.noise_multiplier * private_mechanism.sensitivity() * 1.1, drawn)  # control
    assert shape_is_normal(drawn / noise_std)


def test_hazard_01_two_releases_share_no_noise(private_mechanism, tmp_path):
    store, drawn = private_store(tmp_path, unit_rows(COUNT, DIM)), []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        drawn.append(np.stack([_release(private_mechanism, store, 0.3) for _ in range(50)]))
    centre = np.concatenate(drawn).mean(axis=0)
    assert uncorrelated(drawn[0] - centre, drawn[1] - centre)
    assert np.unique(drawn[0][:, 0, 0]).size == 50


@pytest.mark.parametrize("rate", [1.0, 1e-9])
def test_hazard_06_short_and_empty_samples_answer(mechanism, tmp_path, rate):
    store = private_store(tmp_path, unit_rows(3, DIM))
    assert np.isfinite(_release(_with(mechanism, sampling_rate=rate), store)).all()


def test_more_queries_and_larger_persons_never_cost_less(mechanism):
    if not mechanism.is_private:
        assert report(mechanism.event(0.0, 1), 1e-6).epsilon == np.inf
        return
    one, more, persons = (report(mechanism.event(1.0, *args), 1e-6).epsilon for args in ((1, 1), (10, 1), (1, 3)))
    assert 0 < one <= more
    assert one < persons


def test_events_go_to_json_and_back(mechanism):
    event = mechanism.event(1.0, 7)
    assert events.from_json(events.to_json(event)) == event


def test_fields_are_public_and_frozen(mechanism):
    assert dataclasses.is_dataclass(mechanism)
    assert type(mechanism).__dataclass_params__.frozen
    assert all(isinstance(value, (int, float, str, bool)) for value in dataclasses.asdict(mechanism).values())
