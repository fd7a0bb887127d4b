"""Numbers that took long, in a file next to the results: an interrupted measurement goes on from them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np

from dprdm.files import write_whole

Arrays: TypeAlias = dict[str, np.ndarray]


def cached_arrays(path: Path, settings: dict[str, Any], measure: Callable[[], Arrays]) -> Arrays:
    """Return what `measure` returned under these settings before, from `path`; else measure now and write it there.

    Args:
        path: an `.npz`; one of other settings, or a damaged one, is replaced.
        settings: plain values, all that the numbers depend on.
        measure: returns the numbers by name.
    """
    key = json.dumps(settings, sort_keys=True, default=str)
    try:
        with np.load(path) as file:
            if str(file["settings"]) == key:
                return {name: file[name] for name in file.files if name != "settings"}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass
    arrays = measure()

    def write(tmp_path: Path) -> None:
        with tmp_path.open("wb") as stream:  # numpy would add a suffix to a name
            np.savez(stream, allow_pickle=False, settings=np.array(key), **arrays)

    write_whole(path, write)
    return arrays
