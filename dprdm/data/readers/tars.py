"""Web data sets: tars of samples, local or behind a URL, read at any position through an index of each tar."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from dprdm.data.persons import person_name
from dprdm.data.readers.source import ImageSource, decode_image
from dprdm.data.readers.tar_index import IMAGE, JSON, TEXT, index_tar
from dprdm.data.readers.urls import expand, is_local, open_stream, read_range, reading, short_names
from dprdm.errors import UserError
from dprdm.files import write_whole

SCANNED_AT_ONCE = 8


class Tars(ImageSource):
    """Every sample with an image, tar by tar.

    Training visits images in any order, and a row of a store names one image for good: so the tars are not streamed, but
    indexed on first use (only headers are read), and each image is then one read of the bytes it needs.

    Args:
        shards: paths or URLs: `data/shards/{00000..00122}.tar`, `s3://bucket/*.tar`, a folder, or several of these.
        index: folder for the indices. A local tar that has changed is indexed again; one behind a URL is taken never to.
        caption_key: where a sample has no .txt, the key of its .json that holds the caption.
        group_key: a key of the .json that names the person an image belongs to.
    """

    def __init__(
        self,
        shards: str | list[str],
        index: Path = Path("stores/tars"),
        caption_key: str = "caption",
        group_key: str | None = None,
    ) -> None:
        self.urls = expand(shards, ".tar")
        self.caption_key, self.group_column = caption_key, group_key
        self.names = short_names(self.urls)
        self.index_files = _index_all(self.urls, Path(index))
        self.starts = np.cumsum([0, *(len(np.load(file, mmap_mode="r")) for file in self.index_files)])
        if len(self) == 0:
            raise UserError(f"Expected samples with images in {shards}, and found none.")
        self._maps: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}  # a memory map would be copied to another process

    def image(self, index: int) -> Image.Image:
        """Return the decoded image."""
        shard, record = self._record(index)
        return decode_image(self._read(shard, record[IMAGE]), self.key(index))

    def caption(self, index: int) -> str:
        """Return the .txt, or `caption_key` of the .json, or nothing."""
        shard, record = self._record(index)
        if record[TEXT][1] >= 0:
            return self._read(shard, record[TEXT]).decode(errors="replace").strip()
        return str(self._json(index).get(self.caption_key) or "").strip()

    def key(self, index: int) -> str:
        """Return the tar's name and the sample's."""
        shard, record = self._record(index)
        return f"{self.names[shard]}/{record['key'].decode(errors='replace')}"

    def group(self, index: int) -> str | None:
        """Return the person at `group_key` of the .json. Raises UserError if a sample names nobody, or several."""
        if self.group_column is None:
            return None
        return person_name(
            self._json(index).get(self.group_column), self.group_column, f"{self.key(index)} in its .json"
        )

    def _record(self, index: int) -> tuple[int, np.void]:
        shard = int(np.searchsorted(self.starts, index, side="right")) - 1
        if shard not in self._maps:
            self._maps[shard] = np.load(self.index_files[shard], mmap_mode="r")
        return shard, self._maps[shard][index - self.starts[shard]]

    def _json(self, index: int) -> dict[str, Any]:
        shard, record = self._record(index)
        if record[JSON][1] < 0:
            return {}
        try:
            content = json.loads(self._read(shard, record[JSON]))
        except ValueError:  # of JSON, or of the text in it: a broken caption is none
            return {}
        return content if isinstance(content, dict) else {}

    def _read(self, shard: int, extent: np.ndarray) -> bytes:
        offset, size = (int(number) for number in extent)
        return read_range(self.urls[shard], offset, offset + size)


def _index_all(urls: Sequence[str], folder: Path) -> list[Path]:
    """The index file of each tar; made where there is none yet, several at once."""
    files = [folder / f"{_stamp(url)}.npy" for url in urls]
    missing = [(url, file) for url, file in zip(urls, files, strict=True) if not file.is_file()]
    with ThreadPoolExecutor(SCANNED_AT_ONCE) as pool:
        results = pool.map(lambda pair: _index_one(*pair), missing)
        for _ in tqdm(results, "Indexing tars", len(missing), disable=not missing, unit="tar"):
            pass
    return files


def _index_one(url: str, file: Path) -> None:
    with reading(url), open_stream(url) as stream:
        records = index_tar(stream, url)
    write_whole(file, lambda tmp_path: _save(tmp_path, records))


def _stamp(url: str) -> str:
    """A name for a tar as it is now."""
    path = Path(url.removeprefix("file://")).absolute()
    state = [path.stat().st_size, path.stat().st_mtime_ns] if is_local(url) and path.is_file() else []
    return hashlib.sha256(json.dumps([str(path) if state else url, *state]).encode()).hexdigest()[:32]


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.save(stream, array)
