"""The module faiss, of which two distributions exist: faiss-cpu and faiss-gpu."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dprdm.errors import UserError

DISTRIBUTIONS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12")


def load_faiss() -> Any:
    """Import and return the module faiss.

    Raises:
        UserError: if it is missing, or if two distributions of it are installed, of which one has overwritten the
            other.
    """
    if len(installed := installed_distributions()) > 1:
        raise UserError(
            f"Expected one distribution of faiss, found {' and '.join(installed)}: both own the module faiss. "
            f"Uninstall all of them, then install one of the extras [cpu] and [gpu]."
        )
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise UserError(
            "Expected faiss to be installed. Install dprdm[cpu] or dprdm[gpu]; the retriever 'exact' and "
            "`neighbors --method numpy` need neither, and find the same rows."
        ) from error


def installed_distributions() -> list[str]:
    """Return the distributions of faiss that are installed: none, one, or by mistake several."""
    return [name for name in DISTRIBUTIONS if _is_installed(name)]


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
