"""`plan` for a store: the least noise that a budget allows, with a word of warning where it is surely not what was wanted."""

import logging
from dataclasses import replace

from dprdm import registry
from dprdm.errors import UserError
from dprdm.guarantee.mechanism import OneReleaseMechanism, Preparable, PrivacyMechanism, Terms
from dprdm.guarantee.plan import Plan, make_plan
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger, ledger_exists
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import PrivateStore, PublicStore, Store

log = logging.getLogger(__name__)

WEAK_DELTA = 1e-4


def plan(
    store: Store,
    mechanism: PrivacyMechanism,
    epsilon: float | None = None,
    delta: float | None = None,
    num_queries: int = 1,
    *,
    noise_std: float | None = None,
    retriever: Retriever | None = None,
    public: PublicStore | None = None,
) -> Plan:
    """Plan releases from a store. Reads no private row, and spends nothing.

    Args:
        store: what will be released from.
        mechanism: makes the release private. What it leaves open is decided on public rows.
        epsilon: that the plan may cost; None: all of the store's cap, for a mechanism that is not private.
        delta: that the plan may cost; None: 1 / number of units of the store, which treats that number as public.
        num_queries: that the plan pays for.
        noise_std: in the units of the vectors. None: the least that the budget allows.
        retriever: finds neighbours. None: exact search.
        public: public images, for mechanisms that learn from them.
    Raises:
        UserError: if there is no budget, or the mechanism needs public images or more rows than there are.
    Examples:
        >>> plan = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.2), epsilon=5, delta=1e-5, num_queries=20)
        >>> plan.epsilons().epsilon <= 5
        True
    """
    if mechanism.tuning is not None and mechanism.tuning.k > store.num_owned:
        raise UserError(
            f"Expected at most as many neighbours as records; k={mechanism.tuning.k}, and {store.path} holds {store.num_owned}."
        )
    if epsilon is not None:
        budget = Budget(epsilon, 1 / max(2, store.num_units) if delta is None else delta)
    else:
        budget = _whole_cap(store, mechanism)
    if isinstance(mechanism, Preparable):
        if public is None:
            raise UserError(
                f"Expected public images, which the mechanism {mechanism.name} learns from: give a store that `index` made "
                "with kind='public'."
            )
        from dprdm.data.captions import read_knowledge  # with an image library: most plans do without

        knowledge = read_knowledge(public)
        # The number of private records is public where delta was made from it; otherwise the public rows' number serves.
        records = store.num_units if delta is None else len(knowledge.rows)
        mechanism = mechanism.prepare(knowledge, Terms(budget, num_queries, records, store.max_per_unit))
    if retriever is None:
        retriever = registry.create("retriever", "exact" if isinstance(store, PrivateStore) else "public")
    planned = make_plan(mechanism, retriever, budget, num_queries, noise_std, store.max_per_unit)
    planned = replace(planned, delta_is_default=delta is None)
    _log(planned, store.num_units)
    return planned


def _whole_cap(store: Store, mechanism: PrivacyMechanism) -> Budget:
    """Return the store's cap, for a mechanism that keeps no budget."""
    if isinstance(store, PrivateStore) and not mechanism.is_private and ledger_exists(store.ledger_path):
        cap = Ledger(store.ledger_path, store.fingerprint).cap()
        assert cap is not None  # a ledger has one
        return cap
    raise UserError("Expected a budget: give --eps, such as --eps 10.")


def _log(planned: Plan, num_units: int) -> None:
    """Say what is planned, and what is safe and yet surely not wanted."""
    tuning, delta = planned.mechanism.tuning, planned.budget.delta
    if not planned.is_private:
        log.info("NON-PRIVATE: no noise is added. This is a baseline; its outputs are marked and must not leave.")
    else:
        costs = planned.epsilons()
        count = "any number of" if isinstance(planned.mechanism, OneReleaseMechanism) else planned.num_queries
        log.info(
            f"Plan for {count} queries: noise_std {planned.noise_std:.5g} / sensitivity {planned.sensitivity:.5g} = "
            f"noise_multiplier {planned.noise_multiplier:.4g}; epsilon {costs.pld:.4g} (PLD), {costs.rdp:.4g} (RDP) "
            f"at delta {delta:.3g}."
        )
    if tuning is not None and tuning.sampling_rate * num_units < tuning.k:
        log.info(
            f"Warning: a sample holds {tuning.sampling_rate * num_units:.3g} units on average, fewer than k={tuning.k}: zeros "
            "are averaged in. Raise --mechanism.sampling_rate, or lower --mechanism.k."
        )
    if planned.delta_is_default and planned.is_private and delta > WEAK_DELTA:
        log.info(
            f"Warning: delta is 1/{num_units} by default, and a mechanism that publishes one record at random is as private "
            "as that. Give --delta 1e-5 or less."
        )
