"""One release for all queries: what it costs, what it answers, and what it refuses."""

import dataclasses

import numpy as np
import pytest
from dp_accounting import dp_event

from dprdm.errors import UserError
from dprdm.guarantee.mechanism import Terms
from dprdm.guarantee.plan import make_plan
from dprdm.plugins.mechanisms.codebook import Codebook
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import PublicKnowledge
from tests.fakes import private_store, public_knowledge, unit_rows

DIM = 8
TERMS = Terms(Budget(5.0, 1e-5), 10, 3000)


@pytest.fixture
def public(tmp_path) -> PublicKnowledge:
    return public_knowledge(tmp_path / "public", 600, DIM)


def shop(public: PublicKnowledge, count: int = 3000) -> np.ndarray:
    """Private rows near the public captions, all pulled towards one side."""
    draw = np.random.default_rng(0)
    rows = public.queries[draw.integers(0, len(public.queries), count)] + 0.3 * draw.normal(size=(count, DIM))
    rows[:, 0] += 0.5
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def test_answers_come_near_the_private_neighbour_means_where_public_ones_do_not(tmp_path, public):
    rows, share = shop(public), 0.05
    mechanism = Codebook(share=share, draws=0).prepare(public, TERMS)
    plan = make_plan(mechanism, Exact(), TERMS.budget, 10)
    released = mechanism.release(private_store(tmp_path / "s", rows), plan.noise_std, SecureNoise())
    answered = released.answer(public.queries, np.zeros(12, np.int64)).vectors
    nearest = [rows[np.argsort(-rows @ query)[:150]].mean(axis=0) for query in public.queries]
    of_public = [public.rows[np.argsort(-public.rows @ query)[:30]].mean(axis=0) for query in public.queries]
    mine, others = cosines(answered, np.stack(nearest)), cosines(np.stack(of_public), np.stack(nearest))
    assert mine.mean() > 0.97 and mine.mean() > others.mean() + 0.01


def test_what_it_costs_does_not_depend_on_the_number_of_queries():
    one, many = (Codebook().event(1.0, count) for count in (1, 10**9))
    assert one == many
    assert one.event == dp_event.GaussianDpEvent(1.0 / Codebook().sensitivity())


def test_a_person_moves_as_much_as_all_their_rows():
    assert Codebook().sensitivity(4) == pytest.approx(4 * Codebook().sensitivity())


def test_the_sensitivity_is_that_of_one_cell_on_each_level():
    mechanism = Codebook(clip_norm=0.75, count_weight=1.0, levels=2, fine_share=0.75)
    assert mechanism.sensitivity() == pytest.approx(np.hypot(0.75, 1.0), rel=2e-3)


def test_prepared_twice_it_is_the_same_and_rehearsed_once(public, monkeypatch):
    first = Codebook().prepare(public, TERMS)
    monkeypatch.setattr("dprdm.plugins.mechanisms.codebook.rehearse", None)
    assert Codebook().prepare(public, TERMS) == first
    assert Codebook().prepare(public, dataclasses.replace(TERMS, num_queries=10**6)) == first  # so it is paid for once
    assert first.prepare(public, dataclasses.replace(TERMS, num_queries=3)) is first


def test_without_cells_nothing_is_released(tmp_path):
    store = private_store(tmp_path, unit_rows(5, DIM))
    with pytest.raises(UserError, match="public cells"):
        Codebook().release(store, 1.0, SecureNoise())


def test_cells_that_were_changed_are_refused(tmp_path, public):
    mechanism = dataclasses.replace(Codebook().prepare(public, TERMS), partition_sha256="0" * 64)
    with pytest.raises(UserError, match="hash differs"):
        mechanism.release(private_store(tmp_path, unit_rows(5, DIM)), 1.0, SecureNoise())


def test_cells_of_other_vectors_are_refused(tmp_path, public):
    mechanism = Codebook().prepare(public, TERMS)
    with pytest.raises(UserError, match="length 5"):
        mechanism.release(private_store(tmp_path, unit_rows(9, 5)), 1.0, SecureNoise())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("share", 0.0),
        ("share", 1.5),
        ("draws", -1),
        ("clip_norm", 0.0),
        ("count_weight", -1.0),
        ("levels", 0),
        ("fine_share", 2.0),
    ],
)
def test_bad_settings_are_refused(field, value):
    with pytest.raises(UserError, match=field):
        Codebook(**{field: value})
