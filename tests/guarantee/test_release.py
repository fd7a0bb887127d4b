import dataclasses
import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from dprdm.errors import BudgetExceeded, LedgerError, UserError
from dprdm.guarantee import release as release_module
from dprdm.guarantee.mechanism import OneRelease, OneReleaseMechanism
from dprdm.guarantee.plan import make_plan
from dprdm.guarantee.release import answer, release
from dprdm.guarantee.request import Request
from dprdm.guarantee.stored import StoredReleases
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.mechanisms.nonprivate import NonPrivate
from dprdm.plugins.retrievers.exact import Exact
from dprdm.plugins.retrievers.public import Public
from dprdm.privacy.budget import Budget
from dprdm.privacy.distributions import GaussianNoise
from dprdm.privacy.ledger import Ledger, create_ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.store import PrivateStore
from dprdm.types import Answered
from tests.fakes import private_store, public_store, unit_rows

DIM = 8
CAP = Budget(2.0, 1e-6)
PLAN = make_plan(Gaussian(k=5, sampling_rate=1.0), Exact(), CAP, 20)
PROMPTS = "abcd"
QUERIES = unit_rows(4, DIM, seed=1).astype(np.float64)


@pytest.fixture
def store(tmp_path):
    return private_store(tmp_path / "private", unit_rows(60, DIM))


@pytest.fixture
def ledger(store):
    return create_ledger(store.ledger_path, store.fingerprint, CAP)


def _requests(*replicates, prompts=PROMPTS):
    """One request for each replicate number, of the prompts in order."""
    return [Request(prompt, number) for prompt, number in zip(prompts, replicates, strict=False)]


def _encode(prompts):
    return np.stack([QUERIES[PROMPTS.index(prompt)] for prompt in prompts])


def _encode_otherwise(prompts):
    """As another number of threads, another batch or another device might: other last bits."""
    return _encode(prompts) + 1e-7


def _charged(ledger):
    return sum(row.body["num_queries"] for row in ledger.rows() if row.kind == "charge")


def test_pays_before_it_reads(store, ledger, monkeypatch):
    paid_when_read = []

    def search(self, query, store, rows, k):
        paid_when_read.append(_charged(ledger))
        raise KeyboardInterrupt

    monkeypatch.setattr(Exact, "search", search)
    with pytest.raises(KeyboardInterrupt):
        release(QUERIES, store, PLAN, ledger, SecureNoise())
    assert paid_when_read == [4]


def test_a_refusal_reads_and_charges_nothing(store, ledger, monkeypatch):
    monkeypatch.setattr(Exact, "search", None)
    greedy = dataclasses.replace(PLAN, noise_std=PLAN.noise_std / 4)
    with pytest.raises(BudgetExceeded):
        answer(_requests(0, 0, 0, 0), _encode, store, greedy, ledger, SecureNoise())
    assert _charged(ledger) == 0


def test_hazard_05_private_rows_need_a_ledger(store, ledger, tmp_path):
    public, noise = public_store(tmp_path / "public", unit_rows(60, DIM)), SecureNoise()
    other = private_store(tmp_path / "other", unit_rows(60, DIM))
    wrong = [(store, Exact(), None), (public, Exact(), None), (other, Exact(), ledger)]
    wrong += [(store, Public(), None), (store, Public(), ledger), (public, Public(), ledger)]
    for some_store, retriever, some_ledger in wrong:
        plan = dataclasses.replace(PLAN, retriever=retriever)
        with pytest.raises(UserError):
            release(QUERIES, some_store, plan, some_ledger, noise)
        with pytest.raises(UserError):
            answer(_requests(0, 0, 0, 0), _encode, some_store, plan, some_ledger, noise)
    assert _charged(ledger) == 0


def test_the_plan_must_know_how_much_a_person_holds(tmp_path):
    store = private_store(tmp_path, unit_rows(6, DIM), [[0, 1, 2], [3], [4, 5]])
    ledger = create_ledger(store.ledger_path, store.fingerprint, CAP)
    with pytest.raises(UserError, match="units of up to 1 records"):
        release(QUERIES, store, PLAN, ledger, SecureNoise())
    release(QUERIES, store, dataclasses.replace(PLAN, max_per_unit=3, noise_std=50.0), ledger, SecureNoise())


def test_a_public_store_is_free(tmp_path):
    public = public_store(tmp_path, unit_rows(60, DIM))
    plan = dataclasses.replace(PLAN, retriever=Public())
    answers = answer(_requests(0, 1, 2, 3), _encode, public, plan, None, SecureNoise())
    assert answers.vectors.shape == QUERIES.shape
    assert answers.receipt.last_charge is None
    assert not (tmp_path / "releases").exists()


def test_hazard_11_nothing_else_leaves(store, ledger):
    answers = answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())
    assert [field.name for field in dataclasses.fields(answers)] == [
        "requests", "queries", "vectors", "noise_std", "receipt", "once",
    ]  # fmt: skip
    assert [field.name for field in dataclasses.fields(answers.receipt)] == ["num_charged", "num_stored", "last_charge"]
    public = {"account", "num_queries", "request_digest", "private", "event", "mechanism", "noise_std", "max_per_unit"}
    assert set(answers.receipt.last_charge.body) == public


def test_hazard_13_asked_twice_paid_once(store, ledger):
    first = answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())
    again = answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())
    assert (first.receipt.num_charged, first.receipt.num_stored) == (4, 0)
    assert (again.receipt.num_charged, again.receipt.num_stored, again.receipt.last_charge) == (0, 4, None)
    assert np.array_equal(first.vectors, again.vectors)
    assert _charged(ledger) == 4


def test_hazard_13_the_same_prompt_is_the_same_request_whatever_its_vectors_last_bits(store, ledger):
    first = answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())
    again = answer(_requests(0, 0, prompts="db"), _encode_otherwise, store, PLAN, ledger, SecureNoise())
    assert (again.receipt.num_charged, again.receipt.num_stored) == (0, 2)
    assert np.array_equal(again.vectors, first.vectors[[3, 1]])
    assert np.array_equal(again.queries, first.queries[[3, 1]])  # the vectors that were searched with
    assert _charged(ledger) == 4


def test_what_is_stored_is_answered_without_an_encoder(store, ledger):
    answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())

    def no_encoder(prompts):
        raise AssertionError(prompts)

    assert answer(_requests(0, 0), no_encoder, store, PLAN, ledger, SecureNoise()).receipt.num_charged == 0


def test_hazard_13_equal_requests_of_one_run_are_one(store, ledger):
    answers = answer(_requests(0, 0, 0, 1, prompts="abaa"), _encode, store, PLAN, ledger, SecureNoise())
    assert answers.receipt.num_charged == _charged(ledger) == 3
    assert np.array_equal(answers.vectors[0], answers.vectors[2])
    assert not np.array_equal(answers.vectors[0], answers.vectors[3])


def test_only_what_is_missing_is_paid(store, ledger):
    first = answer(_requests(0, 0), _encode, store, PLAN, ledger, SecureNoise())
    more = answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())
    assert (more.receipt.num_charged, more.receipt.num_stored) == (2, 2)
    assert np.array_equal(more.vectors[:2], first.vectors)


def test_other_settings_are_other_requests(store, ledger):
    answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())
    other = dataclasses.replace(PLAN, noise_std=PLAN.noise_std * 4)
    assert answer(_requests(0, 0, 0, 0), _encode, store, other, ledger, SecureNoise()).receipt.num_charged == 4


def test_no_more_requests_than_planned(store, ledger):
    plan = dataclasses.replace(PLAN, num_queries=3)
    with pytest.raises(UserError, match="at most 3 distinct requests"):
        answer(_requests(0, 0, 0, 0), _encode, store, plan, ledger, SecureNoise())


def test_hazard_14_a_crash_wastes_and_never_refunds(store, ledger, monkeypatch):
    monkeypatch.setattr(release_module, "BLOCK", 2)
    search, calls = Exact.search, []

    def dying(self, query, store, rows, k):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return search(self, query, store, rows, k)

    requests = _requests(0, 1, 2, 3, 4, 5, prompts="aaaaaa")
    with monkeypatch.context() as patch:
        patch.setattr(Exact, "search", dying)
        with pytest.raises(KeyboardInterrupt):
            answer(requests, _encode, store, PLAN, ledger, SecureNoise())
    assert _charged(ledger) == 4  # two answered and stored, two lost
    resumed = answer(requests, _encode, store, PLAN, ledger, SecureNoise())
    assert (resumed.receipt.num_stored, resumed.receipt.num_charged) == (2, 4)
    assert _charged(ledger) == 8
    assert ledger.spent().epsilon <= CAP.epsilon


def test_a_baseline_is_recorded_and_never_stored(store, ledger):
    plan = make_plan(NonPrivate(k=5), Exact(), CAP, 20)
    for _ in range(2):
        assert answer(_requests(0, 0, 0, 0), _encode, store, plan, ledger, SecureNoise()).receipt.num_charged == 4
    assert [row.body["private"] for row in ledger.rows() if row.kind == "charge"] == [False, False]
    assert not (store.path / "releases").exists()


def test_a_ledger_put_back_from_an_older_copy_pays_for_nothing(store, ledger):
    older = store.ledger_path.read_bytes()
    answer(_requests(0, 0), _encode, store, PLAN, ledger, SecureNoise())
    kept = {path: path.read_bytes() for path in (store.path / "releases").glob("*.safetensors")}
    store.ledger_path.write_bytes(older)
    with pytest.raises(LedgerError, match="older copy"):
        answer(_requests(1, 1), _encode, store, PLAN, ledger, SecureNoise())
    assert _charged(ledger) == 0
    assert {path: path.read_bytes() for path in (store.path / "releases").glob("*.safetensors")} == kept


def _answer_in_a_process(path: Path, start: "multiprocessing.synchronize.Barrier") -> None:
    store = PrivateStore(path)
    start.wait(60)
    answer(_requests(0, 0, 0, 0), _encode, store, PLAN, Ledger(store.ledger_path, store.fingerprint), SecureNoise())


def test_four_processes_with_one_request_pay_once(store, ledger):
    context = multiprocessing.get_context("fork")
    start = context.Barrier(4)
    processes = [context.Process(target=_answer_in_a_process, args=(store.path, start)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert _charged(ledger) == 4
    assert len(list((store.path / "releases").glob("*.safetensors"))) == 1


def test_the_claim_is_what_keeps_four_processes_from_paying_four_times(store, ledger, monkeypatch):
    """The control: the same release stored a moment later, without anybody claiming it, is paid for again."""
    first = StoredReleases(store.path / "releases")
    assert first.find(["a" * 64]) == {}
    answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())
    with monkeypatch.context() as patch:
        patch.setattr(StoredReleases, "find", lambda self, keys: {})  # as it was before the other had stored it
        answer(_requests(0, 0, 0, 0), _encode, store, PLAN, ledger, SecureNoise())
    assert _charged(ledger) == 8


@dataclass(frozen=True)
class _Sum(OneRelease):
    """The noisy sum of all rows."""

    array: np.ndarray
    noise_std: float

    def answer(self, queries, replicates):
        return Answered(np.repeat(self.array, len(queries), axis=0), np.full(len(queries), self.noise_std))

    def save(self, path, metadata):
        raise NotImplementedError


def _releases_once():
    """Made here, not above, so that the contract tests do not take it for a plugin."""

    @dataclass(frozen=True)
    class _Once(OneReleaseMechanism):
        """Releases the noisy sum of the whole store, and answers every query with it."""

        name: ClassVar[str] = "once"
        noise = GaussianNoise()

        def sensitivity(self, max_per_unit=1):
            return 1.0 * max_per_unit

        def release(self, store, noise_std, noise, progress=None):
            total = store.vectors(np.arange(len(store))).astype(np.float64).sum(axis=0, keepdims=True)
            return self.restore(self.noise.add(total, noise_std, noise), noise_std)

        def restore(self, array, noise_std):
            return _Sum(array, noise_std)

    return _Once()


def test_a_mechanism_may_release_once_and_answer_for_ever(store, ledger):
    plan = make_plan(_releases_once(), Exact(), CAP, 1)
    first = answer(_requests(0, 0, 0, 0), _encode, store, plan, ledger, SecureNoise())
    other = answer(_requests(9, prompts="b"), _encode_otherwise, store, plan, ledger, SecureNoise())
    receipts = first.receipt, other.receipt
    assert [(receipt.num_charged, receipt.num_stored) for receipt in receipts] == [(1, 0), (0, 1)]
    assert np.array_equal(first.vectors[0], other.vectors[0])
    assert np.array_equal(first.once.array, other.once.array)
    assert len([row for row in ledger.rows() if row.kind == "charge"]) == 1


def test_no_requests_cost_nothing(store, ledger):
    answers = answer([], _encode, store, PLAN, ledger, SecureNoise())
    assert answers.vectors.shape == (0, DIM)
    assert answers.receipt.num_charged == _charged(ledger) == 0
