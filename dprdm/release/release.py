"""The heart: the one place where private rows are read. What leaves it is private; all after it is post-processing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from dprdm import check
from dprdm.errors import UserError
from dprdm.privacy.chain import Row
from dprdm.privacy.ledger import DEFAULT_ACCOUNT, Ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.release.mechanism import OneReleaseMechanism, PerQueryMechanism, Progress
from dprdm.release.plan import Plan
from dprdm.release.stored import StoredReleases, request_key
from dprdm.retrieval.store import PrivateStore, PublicStore, Store
from dprdm.types import Answered, Queries, Released

# Queries that are paid for, answered and stored together: what a crash can cost at most.
BLOCK = 256


@dataclass(frozen=True)
class Requests:
    """A query vector and a replicate number each. Equal pairs are one request; another number is a fresh draw."""

    queries: Queries
    replicates: Int[np.ndarray, "query"]


@dataclass(frozen=True)
class Answer:
    """One vector per request, in order, and public counts.

    `noise_std` is the expected error of each vector, per coordinate. `num_charged` were paid for now, `num_stored` came
    from stored releases; together they are the distinct requests (of a mechanism that releases once: releases).
    `last_charge` is the ledger row of the last payment, None if nothing was paid. `released` is what a mechanism that
    releases once for all queries gave out; None of the others.
    """

    vectors: Released
    noise_std: Float[np.ndarray, "query"]
    num_charged: int
    num_stored: int
    last_charge: Row | None
    released: Float[np.ndarray, "row column"] | None = None


def release(
    queries: Queries,
    store: Store,
    plan: Plan,
    ledger: Ledger | None,
    noise: SecureNoise,
    request_digest: str = "",
    account: str = DEFAULT_ACCOUNT,
    progress: Progress | None = None,
) -> tuple[Float[np.ndarray, "row column"], Row | None]:
    """Pay, then draw. A crash in between wastes budget; it never overspends.

    Returns:
        What may be published, and the ledger row that paid for it: None for a public store, which costs nothing.
    Raises:
        BudgetExceeded: if the ledger refuses; no row was read.
        UserError: if store, retriever, ledger and plan do not belong together.
    Guarantee:
        - Nothing is read or drawn before the charge is on the disk
          (tests/release/test_release.py::test_pays_before_it_reads).
        - Private rows are never searched unpaid
          (tests/release/test_release.py::test_hazard_05_private_rows_need_a_ledger).
        - Only the release leaves (tests/release/test_release.py::test_hazard_11_nothing_else_leaves).
    """
    plan.require_store(store)
    require_ledger(store, ledger)
    paid = None if ledger is None else ledger.charge(plan, len(queries), request_digest, account)
    mechanism = plan.mechanism
    if isinstance(mechanism, OneReleaseMechanism):
        return mechanism.release(store, plan.noise_std, noise, progress).array, paid
    assert isinstance(mechanism, PerQueryMechanism)  # the plan has seen to it
    return mechanism.release(queries, store, plan.retriever, plan.noise_std, noise, progress), paid


def read(
    plan: Plan, released: Float[np.ndarray, "row column"], queries: Queries, replicates: Int[np.ndarray, "query"]
) -> Answered:
    """Return one vector per query from what `release` returned: post-processing, free."""
    if isinstance(plan.mechanism, OneReleaseMechanism):
        return plan.mechanism.restore(released, plan.noise_std).answer(queries, replicates)
    return Answered(released, np.full(len(released), plan.noise_std))


def answer(
    requests: Requests,
    store: Store,
    plan: Plan,
    ledger: Ledger | None,
    noise: SecureNoise,
    account: str = DEFAULT_ACCOUNT,
    progress: Progress | None = None,
) -> Answer:
    """Answer every request: stored ones free, equal ones once, the others paid for in blocks and stored.

    Killed at any point, the same call goes on from what was stored, and pays for the rest only.

    Raises:
        BudgetExceeded: if not all that is missing fits; nothing was charged.
        UserError: if there are more distinct requests than the plan is for, or its parts do not belong together.
    Guarantee:
        - The same request twice is paid for once
          (tests/release/test_release.py::test_hazard_13_asked_twice_paid_once).
        - A crash loses one block at most
          (tests/release/test_release.py::test_hazard_14_a_crash_wastes_and_never_refunds).
    """
    plan.require_store(store)
    require_ledger(store, ledger)
    if not len(requests.queries):
        return Answer(requests.queries.astype(np.float64), np.zeros(0), 0, 0, None)
    once = isinstance(plan.mechanism, OneReleaseMechanism)
    keys = _keys(requests, store, plan)
    position = {key: index for index, key in reversed(list(enumerate(keys)))}
    distinct = list(dict.fromkeys(keys))
    if len(distinct) > plan.num_queries:
        raise UserError(
            f"Expected at most {plan.num_queries} distinct requests, as planned, got {len(distinct)}. Plan for more."
        )
    stored = StoredReleases(store.path / "releases")
    keep = isinstance(store, PrivateStore) and plan.is_private
    found = stored.find(distinct) if keep else {}
    missing = [key for key in distinct if key not in found]
    num_stored = len(found)
    if ledger is not None and missing:
        ledger.require(plan, len(missing), account)
    paid = None
    for block in _blocks(missing):
        queries = requests.queries[[position[key] for key in block]]
        released, paid = release(queries, store, plan, ledger, noise, _digest(block), account, progress)
        released = released[None] if once else released
        if keep and paid is not None:
            stored.add(paid.id, block, released)
        found.update(zip(block, released, strict=True))
    rows = found[keys[0]] if once else np.stack([found[key] for key in keys])
    answered = read(plan, rows, requests.queries, requests.replicates)
    return Answer(answered.vectors, answered.noise_std, len(missing), num_stored, paid, rows if once else None)


def require_ledger(store: Store, ledger: Ledger | None) -> None:
    """Raise UserError unless a private store comes with its own ledger, and a public one without any."""
    if isinstance(store, PrivateStore) and (ledger is None or ledger.fingerprint != store.fingerprint):
        raise UserError(f"Expected the ledger of the private store {store.path}. Nothing private is read without one.")
    if isinstance(store, PublicStore) and ledger is not None:
        raise UserError(f"Expected no ledger with the public store {store.path}: reading it costs nothing.")


def _keys(requests: Requests, store: Store, plan: Plan) -> list[str]:
    settings = {**plan.release_fields(), "store": store.fingerprint}
    if isinstance(plan.mechanism, OneReleaseMechanism):
        return [request_key(None, 0, settings)] * len(requests.queries)
    replicates = (check.at_least(0, replicate=int(number)) for number in requests.replicates)
    return [request_key(query, number, settings) for query, number in zip(requests.queries, replicates, strict=True)]


def _blocks(keys: list[str]) -> list[list[str]]:
    return [keys[start : start + BLOCK] for start in range(0, len(keys), BLOCK)]


def _digest(keys: Sequence[str]) -> str:
    return hashlib.sha256("".join(keys).encode()).hexdigest()
