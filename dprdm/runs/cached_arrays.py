"""Numbers that took long, kept beside the results: an interrupted measurement goes on from them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np

from dprdm.files import write_whole

Arrays: TypeAlias = dict[str, np.ndarray]


def kept(path: Path, settings: dict[str, Any], measure: Callable[[], Arrays]) -> Arrays:
    """What `measure` returned under these settings before, if that is in `path`; else measure now and keep it there.

    Args:
        path: an `.npz`; one of other settings, or a damaged one, is replaced.
        settings: plain values, all that the numbers depend on.
    """
    asked = json.dumps(settings, sort_keys=True, default=str)
    try:
        with np.load(path) as found:
            if str(found["settings"]) == asked:
                return {name: found[name] for name in found.files if name != "settings"}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass
    arrays = measure()

    def write(beside: Path) -> None:
        with beside.open("wb") as stream:  # numpy would add a suffix to a name
            np.savez(stream, allow_pickle=False, settings=np.array(asked), **arrays)

    write_whole(path, write)
    return arrays
