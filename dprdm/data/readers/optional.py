"""Packages that only some readers need: the extra `data`."""

import importlib
from types import ModuleType

from dprdm.errors import UserError


def load(module: str) -> ModuleType:
    """Import a module and return it. Raises UserError with the extra to install if it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UserError(
            f"Expected the package {package} to be installed, for this kind of data set. Install dprdm[data]."
        ) from error
