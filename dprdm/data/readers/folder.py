"""Any folder of images, captioned by a table, by text files beside the images, or not at all."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from dprdm import check
from dprdm.data.persons import person_name
from dprdm.data.readers.source import ImageSource, read_image
from dprdm.errors import UserError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif"})
# Names that a column goes by: ours first, then those of Hugging Face's image folders.
ALIASES = {"file_name": "file", "text": "caption"}


class ImageFolder(ImageSource):
    """Every image file below a folder, in order of its path.

    Args:
        folder: searched to any depth. Hidden files are passed over.
        captions: a table that names files relative to `folder`: `.csv` with columns `file` and `caption`, or `.jsonl` with
            these keys; `file_name` and `text` will do as well. None: the text in `photo.txt` beside `photo.jpg`, or no
            caption.
        group_column: a column of the table that names the person an image belongs to.
    """

    def __init__(self, folder: Path, captions: Path | None = None, group_column: str | None = None) -> None:
        self.folder = check.folder(images=Path(folder))
        self.files = sorted(
            p for p in self.folder.rglob("*") if p.suffix.lower() in SUFFIXES and _is_visible(p, folder)
        )
        if not self.files:
            raise UserError(f"Expected images in {folder}, and found none. Looked for {', '.join(sorted(SUFFIXES))}.")
        if group_column is not None and captions is None:
            raise UserError(f"Expected a captions table with the column {group_column!r}. Name it with --captions.")
        table = _read_table(Path(captions)) if captions is not None else []
        self.rows = {row["file"]: {name: _text(value) for name, value in row.items()} for _, row in table}
        self.group_column, self.table = group_column, captions
        self.persons = {} if group_column is None else _persons(table, group_column, captions)

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> Image.Image:
        """Return the decoded file."""
        return read_image(self.files[index])

    def caption(self, index: int) -> str:
        """Return the caption in the table if there is one, else that in the image's text file; empty if neither."""
        if self.rows:
            return self.rows.get(self.key(index), {}).get("caption", "")
        text = self.files[index].with_suffix(".txt")
        return text.read_text(encoding="utf-8", errors="replace").strip() if text.is_file() else ""

    def key(self, index: int) -> str:
        """Return the path relative to the folder, with forward slashes."""
        return self.files[index].relative_to(self.folder).as_posix()

    def group(self, index: int) -> str | None:
        """Return the person in the group column. Raises UserError if the table names nobody for a file, or two persons."""
        if self.group_column is None:
            return None
        key = self.key(index)
        listed = self.persons.get(key, [])
        if not listed:
            raise UserError(
                f"Expected a {self.group_column} for {key}, and {self.table} has no row of it. Add its row."
            )
        names = [
            (line, person_name(value, self.group_column, f"{key} in line {line} of {self.table}"))
            for line, value in listed
        ]
        (first, name), *others = names
        for line, other in others:
            if other != name:
                raise UserError(
                    f"Expected {key} to belong to one person; {self.table} lists it for {name!r} in line {first} and for "
                    f"{other!r} in line {line}. Keep one of the rows."
                )
        return name


def _is_visible(path: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _persons(
    table: list[tuple[int, dict[str, Any]]], column: str, path: Path | None
) -> dict[str, list[tuple[int, Any]]]:
    """Where and how the table names a person for each file: all lines, because two of them may disagree."""
    name = ALIASES.get(column, column)
    if table and not any(name in row for _, row in table):
        raise UserError(f"Expected a column {column!r} in {path}; it has {', '.join(map(str, table[0][1]))}.")
    persons: dict[str, list[tuple[int, Any]]] = {}
    for line, row in table:
        persons.setdefault(row["file"], []).append((line, row.get(name)))
    return persons


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _read_table(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The table's rows, each with its line. Raises UserError if it cannot be read or lacks the column `file`."""
    check.file(captions=path)
    try:
        rows = [(line, {ALIASES.get(name, name): value for name, value in row.items()}) for line, row in _rows(path)]
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, AttributeError) as error:
        raise UserError(f"Expected {path} to be a CSV or JSON-lines table, and reading it failed: {error}.") from error
    if any("file" not in row for _, row in rows):
        raise UserError(f"Expected a column 'file' in {path}; it has {', '.join(rows[0][1])}. Rename the column.")
    return [(line, {**row, "file": _text(row["file"])}) for line, row in rows]


def _require_columns_once(names: Sequence[str], path: Path) -> None:
    """Of two columns of one name the last would count, and two of persons may disagree."""
    for name in names:
        if name and names.count(name) > 1:
            raise UserError(f"Expected every column of {path} once; {name!r} is there twice. Rename or remove one.")


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:  # spreadsheets put a byte-order mark first
        if path.suffix.lower() in {".jsonl", ".ndjson"}:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, dict(json.loads(line).items())
        else:
            reader = csv.DictReader(lines)
            _require_columns_once(reader.fieldnames or [], path)
            for row in reader:
                yield reader.line_num, row
