"""Whose images a store holds, where the unit of privacy is a person."""

from pathlib import Path

import numpy as np

from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.files import write_whole
from dprdm.types import RowIds


def require_owners(source: ImageSource) -> None:
    """Everybody's owner is known, or nothing is embedded: nobody may be left without one."""
    for index in range(len(source)):
        if source.group(index) is None:
            raise UserError("Expected a group for every image where max_per_group is given. Name the --group_column.")


def write_units(path: Path, source: ImageSource, positions: RowIds, max_per_unit: int) -> int:
    """Write which rows belong to whom, at most `max_per_unit` each, and return how many rows were left out.

    Args:
        path: the file to write.
        source: knows whose each image is.
        positions: of each row's image in the source.
        max_per_unit: of a person with more, the first of them stay.
    """
    rows_of: dict[str, list[int]] = {}
    for row, item in enumerate(positions.tolist()):
        group = source.group(item)
        assert group is not None  # by require_owners
        rows_of.setdefault(group, []).append(row)
    kept = [rows[:max_per_unit] for rows in rows_of.values()]
    offsets = np.cumsum([0, *map(len, kept)])
    rows = np.array([row for unit in kept for row in unit], np.int64)
    write_whole(path, lambda file: _save(file, offsets, rows))
    return len(positions) - len(rows)


def _save(path: Path, offsets: np.ndarray, rows: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.savez(stream, offsets=offsets, rows=rows)
