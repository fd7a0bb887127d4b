"""Where each sample of a tar lies: so that a shard of a web data set can be read at any position, without unpacking.

In a web data set, neighbouring files that share the name up to the first dot are one sample: `000012.jpg`, `000012.txt`,
`000012.json`.
"""

import logging
import tarfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from dprdm.errors import UserError

IMAGE, TEXT, JSON = "image", "text", "json"
PARTS = {
    **dict.fromkeys(("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "avif"), IMAGE),
    **dict.fromkeys(("txt", "text"), TEXT),
    "json": JSON,
}
ABSENT = (0, -1)
log = logging.getLogger(__name__)


def index_tar(stream: Any, name: str) -> np.ndarray:
    """Return one record for each sample that has an image: `key` (bytes), and (offset, size) of `image`, `text` and `json`.

    The size of an absent one is -1. A tar that ends early gives the samples before that, and a warning.

    Args:
        stream: the tar, open for reading bytes, not compressed; only its headers are read.
        name: what it is called in messages.
    """
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    for member in _members(stream, name):
        folder, slash, base = member.name.rpartition("/")
        stem, _, suffix = base.partition(".")
        part = PARTS.get(suffix.lower())
        if part is None or not stem or not member.isfile():
            continue
        samples.setdefault(folder + slash + stem, {}).setdefault(part, (member.offset_data, member.size))
    rows = [
        (key.encode(), *(s.get(part, ABSENT) for part in (IMAGE, TEXT, JSON)))
        for key, s in samples.items()
        if IMAGE in s
    ]
    longest = max((len(row[0]) for row in rows), default=1)
    extent = ("<i8", (2,))
    return np.array(rows, [("key", f"S{longest}"), (IMAGE, *extent), (TEXT, *extent), (JSON, *extent)])


def _members(stream: Any, name: str) -> Iterator[tarfile.TarInfo]:
    try:
        archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 - the stream is the caller's
    except tarfile.TarError as error:
        raise UserError(
            f"Expected an uncompressed tar in {name}, and it is none ({error}). A compressed one cannot be read at any "
            "position: unpack it with gunzip."
        ) from error
    try:
        yield from archive
    except (tarfile.TarError, EOFError) as error:
        log.warning("%s ends early or is damaged (%s); the samples before that are used.", name, error)
