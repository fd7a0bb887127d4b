"""Any folder of images, captioned by a table, by text files beside the images, or not at all."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from dprdm import check
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
        self.rows = _read_table(Path(captions)) if captions is not None else {}
        self.group_column = group_column

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> Image.Image:
        """The decoded file."""
        return read_image(self.files[index])

    def caption(self, index: int) -> str:
        """From the table if there is one, else from the text file beside the image, else empty."""
        if self.rows:
            return self.rows.get(self.key(index), {}).get("caption", "")
        beside = self.files[index].with_suffix(".txt")
        return beside.read_text(encoding="utf-8", errors="replace").strip() if beside.is_file() else ""

    def key(self, index: int) -> str:
        """The path relative to the folder, with forward slashes."""
        return self.files[index].relative_to(self.folder).as_posix()

    def group(self, index: int) -> str | None:
        """The group column's value. Raises UserError if a file has none: nobody may be left without an owner."""
        if self.group_column is None:
            return None
        group = self.rows.get(self.key(index), {}).get(self.group_column, "")
        if not group:
            raise UserError(
                f"Expected a {self.group_column} for {self.key(index)}, and the table has none. Add its row."
            )
        return group


def _is_visible(path: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _read_table(path: Path) -> dict[str, dict[str, str]]:
    """The table's rows by file name. Raises UserError if it cannot be read or lacks the column `file`."""
    check.file(captions=path)
    try:
        rows = [{ALIASES.get(name, name): value for name, value in row.items()} for row in _rows(path)]
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, AttributeError) as error:
        raise UserError(f"Expected {path} to be a CSV or JSON-lines table, and reading it failed: {error}.") from error
    if any("file" not in row for row in rows):
        raise UserError(f"Expected a column 'file' in {path}; it has {', '.join(rows[0])}. Rename the column.")
    return {row["file"]: row for row in rows}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:  # spreadsheets put a byte-order mark first
        if path.suffix.lower() in {".jsonl", ".ndjson"}:
            for line in lines:
                if line.strip():
                    yield {name: str(value) for name, value in json.loads(line).items()}
        else:
            yield from csv.DictReader(lines)
