"""Releases already paid for, kept with their store: the same request gets the same numbers from them, free."""

import fcntl
import json
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dprdm.errors import LedgerError, StoreError
from dprdm.files import write_whole
from dprdm.types import Queries, Query

# Of a file: keys are made of prompts. Files of version 0.4, whose keys are made of vectors, do not say.
FORMAT = "2"
# Record locks hold between processes; this one holds between the threads of a process.
THREADS = threading.Lock()


class StoredRelease(NamedTuple):
    """What was released for one request, and the query vector that was used; None in files of 0.4, and where none was."""

    released: Float[np.ndarray, "..."]
    query: Query | None


@dataclass
class StoredReleases:
    """The folder `releases/` of a private store: one safetensors file per charge, written whole or not at all.

    Args:
        path: the folder. It need not be there yet.
        has_old_files: whether version 0.4 wrote any of those that were read.
        keys: of every file that was read, by its name.
    """

    path: Path
    has_old_files: bool = False
    keys: dict[str, list[str]] = field(default_factory=dict)

    def find(self, keys: Collection[str]) -> dict[str, StoredRelease]:
        """Return what was released for those of `keys` that are stored. Of two answers to one key, the first that was paid.

        Raises:
            StoreError: if a file is damaged.
        """
        wanted, stored = set(keys), dict[str, StoredRelease]()
        for file in sorted(self.path.glob("*.safetensors")):
            try:
                if file.name not in self.keys:
                    with safe_open(file, framework="np") as content:
                        metadata = content.metadata()
                    self.keys[file.name] = json.loads(metadata["keys"])
                    self.has_old_files |= "format" not in metadata
                if rows := {key: row for row, key in enumerate(self.keys[file.name]) if key in wanted}:
                    stored.update(_read_rows(file, rows))
                    wanted -= rows.keys()
            except (SafetensorError, KeyError, ValueError, TypeError) as error:
                raise StoreError(
                    f"The stored release {file} is damaged. Remove it; what it held is paid for again."
                ) from error
        return stored

    @contextmanager
    def claim(self, keys: Collection[str]) -> Iterator[None]:
        """Hold these requests alone while they are looked up, paid for and stored; other requests go on meanwhile.

        A process that ends in between, however it ends, lets them go.

        Guarantee:
            - Several processes with one request pay once
              (tests/guarantee/test_release.py::test_four_processes_with_one_request_pay_once).
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with THREADS, (self.path / "claims").open("ab") as stream:
            for offset in sorted({int(key[:15], 16) for key in keys}):  # ascending, so that no two wait for each other
                fcntl.lockf(stream, fcntl.LOCK_EX, 1, offset)
            yield

    def require_ledger(self, last_row: int) -> None:
        """Raise LedgerError if a release was paid for by a row beyond the ledger's last one."""
        beyond = [file for file in self.path.glob("*.safetensors") if int(file.stem) > last_row]
        if beyond:
            raise LedgerError(
                f"The ledger ends at row {last_row}, and {min(beyond)} was paid for by a later one: the ledger is an older "
                "copy. Restore the newest one; with this one the store would forget what it has spent."
            )

    def add(
        self, ledger_row: int, keys: Collection[str], released: Float[np.ndarray, "..."], queries: Queries | None
    ) -> None:
        """Store what charge `ledger_row` paid for: `released[i]` and `queries[i]` are of the i-th key.

        Raises:
            StoreError: if there is such a file already; it stays as it is.
        """
        path = self.path / f"{ledger_row:08d}.safetensors"
        metadata = {"keys": json.dumps(list(keys)), "ledger_row": str(ledger_row), "format": FORMAT}
        tensors = {"released": released} | ({} if queries is None else {"queries": queries})
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        if path.exists():
            raise StoreError(
                f"Expected no release of ledger row {ledger_row} yet; {path} is there. It was left as it is."
            )
        write_whole(path, lambda file: save_file(tensors, file, metadata))


def _read_rows(file: Path, rows: dict[str, int]) -> dict[str, StoredRelease]:
    with safe_open(file, framework="np") as content:
        released = content.get_tensor("released")
        queries: Any = content.get_tensor("queries") if "queries" in content.keys() else None  # noqa: SIM118
    return {key: StoredRelease(released[row], None if queries is None else queries[row]) for key, row in rows.items()}
