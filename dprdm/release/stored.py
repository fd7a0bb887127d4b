"""Releases already paid for, beside their store: the same request gets the same numbers from them, free."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dprdm.errors import StoreError
from dprdm.files import write_whole
from dprdm.types import Query


def request_key(query: Query | None, replicate: int, settings: Mapping[str, Any]) -> str:
    """The name of one request: equal for equal query, replicate number and public settings, and for nothing else."""
    digest = hashlib.sha256(json.dumps([dict(settings), replicate], sort_keys=True).encode())
    if query is not None:
        digest.update(b"\0" + query.astype("<f8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class StoredReleases:
    """The folder `releases/` of a private store: one safetensors file per charge, written whole or not at all."""

    path: Path

    def find(self, keys: Collection[str]) -> dict[str, Float[np.ndarray, "..."]]:
        """What was released for those of `keys` that are there. Of two answers to one key, the first that was paid.

        Raises:
            StoreError: if a file is damaged.
        """
        wanted = set(keys)
        found: dict[str, Float[np.ndarray, ...]] = {}
        for file in sorted(self.path.glob("*.safetensors")):
            try:
                found.update(_read(file, wanted - found.keys()))
            except (SafetensorError, KeyError, ValueError) as error:
                raise StoreError(
                    f"The stored release {file} is damaged. Remove it; what it held is paid for again."
                ) from error
        return found

    def add(self, ledger_row: int, keys: Collection[str], released: Float[np.ndarray, "..."]) -> None:
        """Keep what charge `ledger_row` paid for: `released[i]` answers the i-th key."""
        metadata = {"keys": json.dumps(list(keys)), "ledger_row": str(ledger_row)}
        tensors = {"released": np.ascontiguousarray(released)}
        path = self.path / f"{ledger_row:08d}.safetensors"
        write_whole(path, lambda beside: save_file(tensors, beside, metadata))


def _read(file: Path, wanted: Collection[str]) -> dict[str, Float[np.ndarray, "..."]]:
    with safe_open(file, framework="np") as content:
        keys = json.loads(content.metadata()["keys"])
        if not any(key in wanted for key in keys):
            return {}
        released = content.get_tensor("released")
    return {key: released[index] for index, key in enumerate(keys) if key in wanted}
