"""The heart: the one place where private rows are read. What leaves it is private; all after it is post-processing."""

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from dprdm.errors import UserError
from dprdm.guarantee.mechanism import OneRelease, OneReleaseMechanism, PerQueryMechanism, Progress
from dprdm.guarantee.plan import Plan
from dprdm.guarantee.request import Request, key_of_0_4, request_key
from dprdm.guarantee.stored import StoredRelease, StoredReleases
from dprdm.privacy.chain import LedgerRow
from dprdm.privacy.ledger import DEFAULT_ACCOUNT, Ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.store import PrivateStore, PublicStore, Store
from dprdm.types import Answered, Embeddings, Queries, Query, Released

# Queries that are paid for, answered and stored together: what a crash can cost at most.
BLOCK = 256

# Turns prompts into unit vectors of the store's space: an encoder's `texts`.
Encode: TypeAlias = Callable[[Sequence[str]], Embeddings]


@dataclass(frozen=True)
class Receipt:
    """What an answer cost, in public counts.

    Args:
        num_charged: requests paid for now; of a mechanism that releases once, releases.
        num_stored: requests answered from stored releases. Together they are the distinct requests.
        last_charge: ledger row of the last payment; None if nothing was paid.
    """

    num_charged: int
    num_stored: int
    last_charge: LedgerRow | None


@dataclass(frozen=True, eq=False)
class Answers:
    """One vector per request, in order, and what they cost.

    Args:
        requests: what was requested.
        queries: the vectors that were searched with.
        vectors: what may be published.
        noise_std: expected error of each vector, per coordinate.
        receipt: what they cost.
        once: what a mechanism that releases once for all queries gave out; None of the others.
    """

    requests: tuple[Request, ...]
    queries: Queries
    vectors: Released
    noise_std: Float[np.ndarray, "query"]
    receipt: Receipt
    once: OneRelease | None = None


def release(
    queries: Queries,
    store: Store,
    plan: Plan,
    ledger: Ledger | None,
    noise: SecureNoise,
    request_digest: str = "",
    account: str = DEFAULT_ACCOUNT,
    progress: Progress | None = None,
) -> tuple[Float[np.ndarray, "row column"], LedgerRow | None]:
    """Pay, then draw. A crash in between wastes budget; it never overspends.

    Returns:
        What may be published, and the ledger row that paid for it: None for a public store, which costs nothing.
    Raises:
        BudgetExceeded: if the ledger refuses; no row was read.
        UserError: if store, ledger and plan do not belong together.
    Guarantee:
        - Nothing is read or drawn before the charge is on the disk
          (tests/guarantee/test_release.py::test_pays_before_it_reads).
        - Private rows are never searched unpaid
          (tests/guarantee/test_release.py::test_hazard_05_private_rows_need_a_ledger).
        - Only the release leaves (tests/guarantee/test_release.py::test_hazard_11_nothing_else_leaves).
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
    requests: Sequence[Request],
    encode: Encode,
    store: Store,
    plan: Plan,
    ledger: Ledger | None,
    noise: SecureNoise,
    account: str = DEFAULT_ACCOUNT,
    progress: Progress | None = None,
) -> Answers:
    """Answer every request: stored ones free, equal ones once, the others paid for in blocks and stored.

    Killed at any point, the same call goes on from what was stored, and pays for the rest only.

    Args:
        encode: called for the prompts, unless all answers are stored.
    Raises:
        BudgetExceeded: if not all that is missing fits; nothing was charged.
        UserError: if there are more distinct requests than the plan is for, or its parts do not belong together.
    Guarantee:
        - The same request twice is paid for once, however its vector was computed
          (tests/guarantee/test_release.py::test_hazard_13_asked_twice_paid_once).
        - A crash loses one block at most
          (tests/guarantee/test_release.py::test_hazard_14_a_crash_wastes_and_never_refunds).
    """
    plan.require_store(store)
    require_ledger(store, ledger)
    if not requests:
        return Answers((), np.zeros((0, store.dim)), np.zeros((0, store.dim)), np.zeros(0), Receipt(0, 0, None))
    once, is_stored = (
        isinstance(plan.mechanism, OneReleaseMechanism),
        isinstance(store, PrivateStore) and plan.is_private,
    )
    settings = {**plan.release_fields(), "store": store.fingerprint, "encoder": store.encoder_identity}
    keys = {request: request_key(None if once else request, settings) for request in requests}
    distinct = {key: request for request, key in keys.items()}
    require_planned(plan, len(distinct))

    stored = StoredReleases(store.path / "releases")
    releases = stored.find(distinct)
    missing = [key for key in distinct if key not in releases]
    queries = dict(zip(requests, encode_prompts(requests, encode), strict=True)) if once or missing else {}
    unpaid, last_charge = list[str](), None
    with stored.claim(missing) if missing and is_stored else contextlib.nullcontext():
        releases |= stored.find(missing)  # another process may have paid for them since
        if stored.has_old_files:
            releases |= _find_of_0_4(stored, {key: distinct[key] for key in missing}, queries, store, plan)
        unpaid = [key for key in missing if key not in releases]
        if ledger is not None and unpaid:
            stored.require_ledger(ledger.state().rows[-1].id)
            ledger.require(plan, len(unpaid), account)
        for start in range(0, len(unpaid), BLOCK):
            block = unpaid[start : start + BLOCK]
            vectors = np.stack([queries[distinct[key]] for key in block])
            digest = hashlib.sha256("".join(block).encode()).hexdigest()
            drawn, last_charge = release(vectors, store, plan, ledger, noise, digest, account, progress)
            drawn = drawn[None] if once else drawn
            if last_charge is not None and is_stored:
                stored.add(last_charge.id, block, drawn, None if once else vectors)
            releases |= {key: StoredRelease(drawn[row], vectors[row]) for row, key in enumerate(block)}
    receipt = Receipt(len(unpaid), len(distinct) - len(unpaid), last_charge)
    return _read(tuple(requests), [releases[keys[request]] for request in requests], queries, plan, receipt)


def encode_prompts(requests: Sequence[Request], encode: Encode) -> Queries:
    """Return the vector of each request's prompt; every distinct prompt is encoded once."""
    prompts = list(dict.fromkeys(request.prompt for request in requests))
    rows = {prompt: row for row, prompt in enumerate(prompts)}
    return encode(prompts)[[rows[request.prompt] for request in requests]]


def require_ledger(store: Store, ledger: Ledger | None) -> None:
    """Raise UserError unless a private store comes with its own ledger, and a public one without any."""
    if isinstance(store, PrivateStore) and (ledger is None or ledger.fingerprint != store.fingerprint):
        raise UserError(f"Expected the ledger of the private store {store.path}. Nothing private is read without one.")
    if isinstance(store, PublicStore) and ledger is not None:
        raise UserError(f"Expected no ledger with the public store {store.path}: reading it costs nothing.")


def require_planned(plan: Plan, num_requests: int) -> None:
    """Raise UserError if there are more distinct requests than the plan pays for."""
    if num_requests > plan.num_queries and not isinstance(plan.mechanism, OneReleaseMechanism):
        raise UserError(
            f"Expected at most {plan.num_queries} distinct requests, as planned, got {num_requests}. Plan for more (--queries), "
            "or request fewer."
        )


def _find_of_0_4(
    stored: StoredReleases, missing: Mapping[str, Request], queries: Mapping[Request, Query], store: Store, plan: Plan
) -> dict[str, StoredRelease]:
    """Return what version 0.4 stored for requests, under names that it made of their vectors, by their names of today."""
    settings = {**plan.release_fields_0_4(), "store": store.fingerprint}
    once = isinstance(plan.mechanism, OneReleaseMechanism)
    names = {
        key_of_0_4(None if once else queries[request], 0 if once else request.replicate, settings): key
        for key, request in missing.items()
    }
    return {names[name]: release for name, release in stored.find(names).items()}


def _read(
    requests: tuple[Request, ...],
    releases: Sequence[StoredRelease],
    queries: Mapping[Request, Query],
    plan: Plan,
    receipt: Receipt,
) -> Answers:
    """Return one vector per request from what was released for it, or for all of them: post-processing, free."""
    searched = [
        queries[request] if release.query is None else release.query
        for request, release in zip(requests, releases, strict=True)
    ]
    if not isinstance(plan.mechanism, OneReleaseMechanism):
        vectors = np.stack([release.released for release in releases])
        return Answers(requests, np.stack(searched), vectors, np.full(len(vectors), plan.noise_std), receipt)
    once = plan.mechanism.restore(releases[0].released, plan.noise_std)
    vectors = np.stack([queries[request] for request in requests])
    answered = once.answer(vectors, np.array([request.replicate for request in requests]))
    return Answers(requests, vectors, answered.vectors, answered.noise_std, receipt, once)
