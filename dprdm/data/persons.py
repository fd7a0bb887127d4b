"""Whose images a store holds, where the unit of privacy is a person."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from dprdm import check
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.files import write_whole
from dprdm.types import RowIds

# What tables say where nobody is named, in any case.
NOBODY = frozenset({"", "null", "nan", "none", "<na>"})


def person_name(value: object, column: str, where: str) -> str:
    """Return the name of the person that an image belongs to, without the whitespace around it.

    Every reader passes what it read through this function, and so does the index: names are otherwise compared as given.

    Args:
        value: what was read.
        column: where the reader looks for persons, for the sentence.
        where: the image, or its row, for the sentence.

    Raises:
        UserError: if nobody is named (missing, null, NaN, none, or blank), or more than one person.
    Guarantee:
        - Images of nobody do not become one person (tests/data/test_persons.py::test_hazard_19_nobody_is_no_person).
    """
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        raise UserError(f"Expected one {column} for {where}, as a text or a number; got {value!r}. Name one person.")
    name = "" if value is None else str(value).strip()
    is_visible = any(character.isprintable() and not character.isspace() for character in name)
    if name.casefold() in NOBODY or not is_visible:
        raise UserError(
            f"Expected a {column} for {where}, and {'there is none' if value is None else f'{value!r} names nobody'}. "
            "Name the person, or leave the image out."
        )
    return name


def names_persons(source: ImageSource) -> bool:
    """Return whether a source says whom images belong to: the unit of privacy is then a person."""
    return source.group_column is not None or (len(source) > 0 and source.group(0) is not None)


class Persons:
    """Whose each image of a source is, and how many of each person's are in the store so far.

    A person's first images that can be read stay, in the order of the source. Which these are depends on no other person.

    Args:
        source: knows whose each image is.
        max_per_unit: the most images that one person may contribute.

    Raises:
        UserError: if an image belongs to nobody or is listed for two persons: nothing was embedded.
    Guarantee:
        - A person's images beyond the limit are not in the store
          (tests/data/test_persons.py::test_hazard_18_rows_of_no_unit_are_not_in_the_store).
        - One person more or less changes no row of another
          (tests/data/test_persons.py::test_what_stays_of_a_person_depends_on_no_other_person).
    """

    def __init__(self, source: ImageSource, max_per_unit: int) -> None:
        self.max_per_unit = check.at_least(1, max_per_group=max_per_unit)
        column = source.group_column or "group"
        digest = hashlib.sha256()
        numbers: dict[str, int] = {}
        self.person_of = np.zeros(len(source), np.int64)
        for index in range(len(source)):
            name = person_name(source.group(index), column, source.key(index))
            digest.update(json.dumps(name).encode())
            self.person_of[index] = numbers.setdefault(name, len(numbers))
        self.sha256 = digest.hexdigest()
        self.counts = np.zeros(len(numbers), np.int64)

    def has_room(self, index: int) -> bool:
        """Return whether the person of an image may contribute one more."""
        return bool(self.counts[self.person_of[index]] < self.max_per_unit)

    def count(self, positions: RowIds) -> None:
        """Count images that are in the store."""
        np.add.at(self.counts, self.person_of[positions], 1)

    def description(self) -> dict[str, Any]:
        """Return what must be the same for an interrupted index to continue."""
        return {"max_per_unit": self.max_per_unit, "persons_sha256": self.sha256}

    def write(self, path: Path, positions: RowIds) -> None:
        """Write which rows belong to whom.

        Args:
            path: the file to write.
            positions: of each row's image in the source.
        """
        assert (self.counts <= self.max_per_unit).all()
        rows_of: dict[int, list[int]] = {}
        for row, person in enumerate(self.person_of[positions].tolist()):
            rows_of.setdefault(person, []).append(row)
        offsets = np.cumsum([0, *map(len, rows_of.values())])
        rows = np.array([row for unit in rows_of.values() for row in unit], np.int64)
        write_whole(path, lambda file: _save(file, offsets, rows))


def _save(path: Path, offsets: np.ndarray, rows: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.savez(stream, offsets=offsets, rows=rows)
