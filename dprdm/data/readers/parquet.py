"""Parquet files as Hugging Face data sets keep them: an image column of {bytes, path}, and a text or a label column."""

import functools
import json
from typing import Any

import numpy as np
from PIL import Image

from dprdm.data.persons import person_name
from dprdm.data.readers.optional import load
from dprdm.data.readers.source import ImageSource, UnreadableImage, decode_image
from dprdm.data.readers.urls import expand, open_stream, reading, short_names
from dprdm.errors import UserError

TEXT_COLUMNS = ("caption", "text", "label")
# Row groups held in memory by a process: an image can only be read with its group, which is a hundred images or so.
GROUPS_HELD = 8


class Parquet(ImageSource):
    """Every row, file by file.

    Args:
        files: paths or URLs: `data/train-*.parquet`, a folder, `hf://datasets/owner/name/data`, or several of these.
        image_column: its name; of {bytes, path} or of bytes.
        text_column: the captions: text, a list of which the first counts, or class labels. None: `caption`, `text` or
            `label`, or no caption.
        group_column: names the person an image belongs to.
    """

    def __init__(
        self,
        files: str | list[str],
        image_column: str = "image",
        text_column: str | None = None,
        group_column: str | None = None,
    ) -> None:
        self.urls = expand(files, ".parquet")
        self.names = short_names(self.urls)
        columns = _metadata(self.urls[0]).schema.to_arrow_schema().names
        guess = next((name for name in TEXT_COLUMNS if name in columns), None)
        self.image_column, self.text_column, self.group_column = image_column, text_column or guess, group_column
        for column in {image_column, self.text_column, group_column} - {None, *columns}:
            raise UserError(f"Expected a column {column!r} in {self.urls[0]}; it has {', '.join(columns)}.")
        self.labels = _label_names(self.urls[0], self.text_column)
        # Row groups of all files: which file, which group of it, and the position of its first row, in all and in the file.
        self.groups, self.starts, self.offsets = _layout(self.urls)
        if len(self) == 0:
            raise UserError(f"Expected rows in {files}, and found none.")

    def __len__(self) -> int:
        return int(self.starts[-1])

    def image(self, index: int) -> Image.Image:
        """Return the decoded image."""
        value = self._value(index, self.image_column)
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise UnreadableImage(f"{self.key(index)}: the row holds no image")
        return decode_image(content, self.key(index))

    def caption(self, index: int) -> str:
        """Return the text, or the class's name; empty if there is none."""
        value = self._value(index, self.text_column) if self.text_column else None
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, int) and 0 <= value < len(self.labels):
            return self.labels[value]
        return "" if value is None else str(value).strip()

    def key(self, index: int) -> str:
        """Return the file's name and the position in it."""
        group = self._group_of(index)
        file, _ = self.groups[group]
        return f"{self.names[file]}/{index - self.starts[group] + self.offsets[group]:07d}"

    def group(self, index: int) -> str | None:
        """Return the person in the group column. Raises UserError if a row names nobody, or several."""
        if self.group_column is None:
            return None
        return person_name(self._value(index, self.group_column), self.group_column, self.key(index))

    def prompts(self) -> tuple[str, ...]:
        """Return the classes' names, where the captions are class labels."""
        return self.labels

    def _group_of(self, index: int) -> int:
        return int(np.searchsorted(self.starts, index, side="right")) - 1

    def _value(self, index: int, column: str) -> Any:
        group = self._group_of(index)
        file, number = self.groups[group]
        return _column(self.urls[file], number, column)[int(index - self.starts[group])].as_py()


def _layout(urls: list[str]) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    groups: list[tuple[int, int]] = []
    rows: list[int] = []
    offsets: list[int] = []
    for file, url in enumerate(urls):
        metadata = _metadata(url)
        sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        groups += [(file, number) for number in range(len(sizes))]
        offsets += np.cumsum([0, *sizes])[:-1].tolist()
        rows += sizes
    return groups, np.cumsum([0, *rows]), np.array(offsets, np.int64)


@functools.cache
def _metadata(url: str) -> Any:
    parquet = load("pyarrow.parquet")
    with reading(url), open_stream(url) as stream:
        return parquet.read_metadata(stream)


@functools.lru_cache(maxsize=2 * GROUPS_HELD)
def _column(url: str, group: int, column: str) -> Any:
    """One column of one row group. Nothing stays open, so processes may fork."""
    parquet = load("pyarrow.parquet")
    with reading(url), open_stream(url) as stream:
        file = parquet.ParquetFile(stream, metadata=_metadata(url))
        return file.read_row_group(group, columns=[column], use_threads=False).column(column).combine_chunks()


def _label_names(url: str, column: str | None) -> tuple[str, ...]:
    """Names of class labels, which Hugging Face writes into the file's schema."""
    try:
        features = json.loads(_metadata(url).schema.to_arrow_schema().metadata[b"huggingface"])["info"]["features"]
        return tuple(features[column]["names"])
    except (KeyError, TypeError, ValueError):
        return ()
