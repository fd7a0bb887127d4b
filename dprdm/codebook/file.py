"""The public half of a codebook, and the whole of it, as files: `codebook.safetensors` answers without private rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dprdm.codebook.partition import Partition
from dprdm.errors import UserError
from dprdm.files import write_whole

RELEASED = "released"


@dataclass(frozen=True, eq=False)
class CodebookFile:
    """What a file holds.

    Args:
        partition: the cells.
        released: what the mechanism gave out. None: the file holds the partition alone.
        metadata: plain values: how the cells were chosen, or by which mechanism, with what noise, from which store and
            encoder the release was made.
    """

    partition: Partition
    released: Float[np.ndarray, "cell column"] | None
    metadata: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        tensors = self.partition.tensors() | ({} if self.released is None else {RELEASED: self.released})
        tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
        metadata = {name: json.dumps(value) for name, value in self.metadata.items()}
        write_whole(path, lambda tmp_path: save_file(tensors, tmp_path, metadata))

    @classmethod
    def load(cls, path: Path) -> "CodebookFile":
        """Read one. Raises UserError if there is none, or it is damaged."""
        if not Path(path).is_file():
            raise UserError(
                f"Expected a codebook at {path}, and there is none. `predict --mechanism codebook` writes one."
            )
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
                tensors: Mapping[str, np.ndarray] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError, OSError) as error:
            raise UserError(f"Expected a codebook in {path}; the file is damaged ({error}).") from error
        return cls(Partition.from_tensors(tensors), tensors.get(RELEASED), metadata)
