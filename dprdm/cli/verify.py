"""`verify`: does a run's certificate hold? Needs the run's folder; the store only for its ledger."""

from pathlib import Path

from dprdm.retrieval.store import PrivateStore
from dprdm.types import ExistingFolder
from dprdm.workflows.verify import verify as verify_run


def verify(run: ExistingFolder, store: Path | None = None) -> None:
    """Recompute a run's epsilon, and check its conditions and, with --store, its ledger.

    Args:
        run: folder of the run.
        store: the private store it was released from, to check the ledger too.
    """
    private = None if store is None else PrivateStore(store, check=False)
    print(*verify_run(run, private).findings, sep="\n")
