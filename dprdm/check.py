"""Validators whose keyword is the message: `in_range(0, 1, sampling_rate=1.5)` says `Expected sampling_rate=1.5 in [0, 1].`

Each takes exactly one keyword, the name and the value to check, and returns the value.
"""

import math
from pathlib import Path
from typing import TypeVar

from dprdm.errors import UserError

Number = TypeVar("Number", int, float)


def in_range(low: float, high: float, **named: Number) -> Number:
    """Return the value if it is a number in [low, high]; raise UserError otherwise."""
    ((name, value),) = named.items()
    if not _is_number(value) or not low <= value <= high:
        raise UserError(f"Expected {name}={value} in [{low:g}, {high:g}].")
    return value


def positive(**named: Number) -> Number:
    """Return the value if it is a finite number above zero; raise UserError otherwise."""
    ((name, value),) = named.items()
    if not _is_number(value) or not (0 < value < math.inf):
        raise UserError(f"Expected {name}={value} above 0.")
    return value


def open_unit(**named: float) -> float:
    """Return the value if it lies strictly between 0 and 1; raise UserError otherwise."""
    ((name, value),) = named.items()
    if not _is_number(value) or not 0 < value < 1:
        raise UserError(f"Expected {name}={value} between 0 and 1, both excluded.")
    return value


def at_least(low: int, **named: int) -> int:
    """Return the value if it is a whole number of at least `low`; raise UserError otherwise."""
    ((name, value),) = named.items()
    if isinstance(value, bool) or int(value) != value or value < low:
        raise UserError(f"Expected {name}={value} to be a whole number of at least {low}.")
    return value


def folder(**named: Path) -> Path:
    """Return the path if it is an existing folder; raise UserError otherwise."""
    ((name, value),) = named.items()
    if not value.is_dir():
        raise UserError(f"Expected {name}={value} to be a folder, and there is none. Give the path of an existing one.")
    return value


def file(**named: Path) -> Path:
    """Return the path if it is an existing file; raise UserError otherwise."""
    ((name, value),) = named.items()
    if not value.is_file():
        raise UserError(f"Expected {name}={value} to be a file, and there is none. Give the path of an existing one.")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
