"""Private stores that are made to be attacked, with ledgers that charge every release and stop none."""

from pathlib import Path
from typing import NamedTuple

from dprdm.audit.canaries import write_store
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger, create_ledger
from dprdm.retrieval.store import PrivateStore
from dprdm.types import Embeddings

# The cap of the attacker's own store: its ledger charges every trial, and must not stop them.
NO_CAP = 1e12


class Throwaway(NamedTuple):
    """A private store of somebody who attacks it, and its ledger."""

    store: PrivateStore
    ledger: Ledger


def throwaway(folder: Path, rows: Embeddings, delta: float) -> Throwaway:
    """Write a new private store of these rows in `folder`, which must not exist yet."""
    store = write_store(folder, rows)
    return Throwaway(store, create_ledger(store.ledger_path, store.fingerprint, Budget(NO_CAP, delta)))
