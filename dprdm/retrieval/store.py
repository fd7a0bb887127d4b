"""Embeddings of a collection on disk: memory-mapped shards and a manifest that says what made them.

    store/manifest.json          written last: a folder without one is an index still in the making
    store/00000.vectors.npy      (row, dim) float32, unit norm
    store/00000.index.npy        (row,) int64, position of the row's image in its source
    store/00000.keys.jsonl       one key a line: what the row's image is called
    store/00000.json             row count, checksums, images skipped; written last of the four
    store/units.npz              only where the unit of privacy is a person: which rows are whose; every row is somebody's

A private store and a public one are different types, so that no function can take one for the other.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from dprdm.errors import StoreError
from dprdm.files import hash_file, read_json
from dprdm.types import Embeddings, RowIds, UnitIds

FORMAT = 1
MANIFEST = "manifest.json"
LEDGER = "ledger.sqlite"
# Stores up to this size are checked byte for byte whenever they are opened; larger ones by `index --check`.
CHECK_BYTES = 1 << 30


@dataclass(frozen=True)
class Shard:
    """One file of rows."""

    name: str
    rows: int
    sha256: str
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What a store is. Its `fingerprint` is drawn, not computed: a hash of private rows must not travel.

    `encoder` is the identity of the encoder, and under `name` how it was named, so that it can be loaded again.
    """

    kind: str
    fingerprint: str
    encoder: dict[str, str]
    dim: int
    source: dict[str, Any]
    shards: tuple[Shard, ...] = field(default=())
    group_column: str | None = None
    max_per_unit: int = 1
    units_sha256: str | None = None
    format: int = FORMAT

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(shard.rows for shard in self.shards)

    @property
    def unit_is_person(self) -> bool:
        """Whether the unit of privacy is a person, who may hold several rows or one; otherwise it is a row.

        The only place that answers this: `max_per_unit` does not, since a person may be limited to one row.
        """
        return self.group_column is not None

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read and check a manifest. Raises StoreError if it is not one."""
        content = read_json(path, StoreError)
        try:
            shards = tuple(Shard(**{**shard, "skipped": tuple(shard["skipped"])}) for shard in content.pop("shards"))
            manifest = cls(**content, shards=shards)
        except (TypeError, KeyError) as error:
            raise StoreError(f"Expected a store manifest in {path}; it is damaged ({error}). Index again.") from error
        if manifest.format != FORMAT:
            raise StoreError(f"Expected store format {FORMAT} in {path}, found {manifest.format}. Index again.")
        return manifest

    def to_json(self) -> str:
        """Return the manifest as it stands on disk."""
        return json.dumps(asdict(self), indent=2)


@runtime_checkable
class PromptEncoder(Protocol):
    """What turns prompts into unit vectors of a store's space, and says who it is."""

    identity: dict[str, str]

    def texts(self, captions: Sequence[str]) -> Embeddings:
        """Return unit vectors (caption, dim)."""


class Store:
    """Rows of a finished index, read through memory maps: a `PrivateStore` or a `PublicStore`, as the index was made.

    Args:
        path: the folder that `index` wrote.
        check: read every byte and compare checksums. None: do so for stores of up to 1 GiB.
        encoder: the one that made it, so that prompts can be asked for. It may be left out.
    Attributes:
        dim: length of a row.
        fingerprint: a random name, drawn when the store was made. It says nothing of the rows.
        unit_is_person: whether the unit of privacy is a person; otherwise it is a row.
        max_per_unit: most rows that one unit may hold.
    Examples:
        >>> dprdm.Store("stores/mine").kind
        'private'
    """

    kind: ClassVar[str]

    def __new__(cls, *arguments: Any, **named: Any) -> "Store":
        """Open a store as what it is. Takes what `__init__` takes, that of a subclass too."""
        if cls is not Store:
            return super().__new__(cls)
        manifest = Path(arguments[0] if arguments else named["path"]) / MANIFEST
        is_private = manifest.is_file() and Manifest.read(manifest).kind == PrivateStore.kind
        return super().__new__(PrivateStore if is_private else PublicStore)

    def __init__(self, path: Path | str, check: bool | None = None, encoder: PromptEncoder | None = None) -> None:
        self.path, self.encoder = Path(path), encoder
        if not (self.path / MANIFEST).is_file():
            raise StoreError(f"Expected a finished store in {path}, and there is none. Make it with `main.py index`.")
        self.manifest = Manifest.read(self.path / MANIFEST)
        if self.manifest.kind != self.kind:
            raise StoreError(f"Expected a {self.kind} store in {path}; this one is {self.manifest.kind}.")
        self.dim, self.fingerprint = self.manifest.dim, self.manifest.fingerprint
        self.unit_is_person, self.max_per_unit = self.manifest.unit_is_person, self.manifest.max_per_unit
        self._count = self.manifest.count
        self._shards = [self._open(shard) for shard in self.manifest.shards]
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])
        size = self._count * self.dim * 4
        if check or (check is None and size <= CHECK_BYTES):
            self.check()
        if encoder is not None:
            self.require_encoder(encoder.identity)

    def __len__(self) -> int:
        return self._count

    @property
    def num_units(self) -> int:
        """Number of units of privacy: rows, or persons where rows are grouped."""
        return len(self)

    @property
    def num_owned(self) -> int:
        """Number of rows that units hold. All, but in stores of version 0.4 that hold rows of no unit: those are never read."""
        return len(self)

    def rows_of(self, units: UnitIds) -> RowIds:
        """Return the rows of these units, ascending."""
        return units

    def vectors(self, rows: RowIds, out: Embeddings | None = None) -> Embeddings:
        """Return rows (row, dim), float32, in the order asked for.

        Args:
            rows: their ids.
            out: filled and returned, instead of a new array: memory that is fresh for every block takes time.
        Raises:
            IndexError: for an id outside [0, len): -1 is a mistake here, never the last row.
        """
        if len(rows) and (rows.min() < 0 or rows.max() >= self._count):
            raise IndexError(f"Expected row ids in [0, {self._count - 1}], got {rows.min()} to {rows.max()}.")
        out = np.empty((len(rows), self.dim), np.float32) if out is None else out
        if np.any(rows[1:] < rows[:-1]):
            order = np.argsort(rows)
            out[order] = self.vectors(rows[order])
            return out
        ends = np.searchsorted(
            rows, self._starts
        )  # of ascending rows, each shard's lie together and are copied at once
        for number in np.flatnonzero(np.diff(ends)):
            part, shard = slice(ends[number], ends[number + 1]), self._shards[number]
            inside = rows[part] - self._starts[number]
            # Touch one element per row first, so that page faults overlap: a third faster.
            _ = shard[inside, 0]
            # No id is clipped, they were checked: the mode spares a buffer of all rows.
            np.take(shard, inside, axis=0, out=out[part], mode="clip")
        return out

    def source_index(self) -> RowIds:
        """Return the position of each row's image in the source it was made from."""
        return np.concatenate([np.load(self.path / f"{s.name}.index.npy") for s in self.manifest.shards])

    @property
    def encoder_identity(self) -> dict[str, str]:
        """Return what makes another encoder the same as the one that made the store."""
        return {name: value for name, value in self.manifest.encoder.items() if name != "name"}

    def require_encoder(self, identity: dict[str, str]) -> None:
        """Raise StoreError unless the store was made with the encoder of this identity."""
        if differing := [name for name in identity if identity[name] != self.manifest.encoder.get(name)]:
            raise StoreError(
                f"Expected {self.path} to be made with the encoder {_describe(identity)}; it was made with "
                f"{_describe(self.manifest.encoder)} (differs in {', '.join(differing)}). Index again, or name that encoder."
            )

    def check(self) -> None:
        """Compare every shard, and the table of persons, with its checksum. Raises StoreError at the first that differs."""
        units = self.manifest.units_sha256
        if units is not None and hash_file(self.path / "units.npz") != units:
            raise StoreError(f"The table of persons in {self.path} is damaged: its checksum differs. Index again.")
        for shard in self.manifest.shards:
            if hash_file(self.path / f"{shard.name}.vectors.npy") != shard.sha256:
                raise StoreError(f"Shard {shard.name} of {self.path} is damaged: its checksum differs. Index again.")

    def _open(self, shard: Shard) -> np.ndarray:
        path = self.path / f"{shard.name}.vectors.npy"
        try:
            rows = np.asarray(np.load(path, mmap_mode="r"))  # the mapping without the subclass's overhead
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"Shard {shard.name} of {self.path} is missing or damaged. Index again.") from error
        if rows.shape != (shard.rows, self.dim) or rows.dtype != np.float32:
            raise StoreError(
                f"Shard {shard.name} of {self.path} is damaged: it holds {rows.dtype}{rows.shape}. Index again."
            )
        return rows


class PublicStore(Store):
    """Embeddings that anybody may see: of the images that the generator was trained on."""

    kind = "public"


class RowsByPerson(NamedTuple):
    """Row ids, person by person, and where each person's begin; last where they end."""

    offsets: Int[np.ndarray, "persons+1"]
    rows: Int[np.ndarray, "row"]


class PrivateStore(Store):
    """Embeddings that only `dprdm.guarantee.release` may read. Its ledger lies in the same folder."""

    kind = "private"

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is kept."""
        return self.path / LEDGER

    @property
    def num_units(self) -> int:
        """Number of units of privacy: rows, or persons where rows are grouped."""
        return len(self) if self._persons is None else len(self._persons.offsets) - 1

    @property
    def num_owned(self) -> int:
        """Number of rows that units hold. See `Store.num_owned`."""
        return len(self) if self._persons is None else int(self._persons.offsets[-1])

    def rows_of(self, units: UnitIds) -> RowIds:
        """Return the rows of these units, ascending."""
        if self._persons is None:
            return units
        starts, ends = self._persons.offsets[units], self._persons.offsets[units + 1]
        pieces = [self._persons.rows[start:end] for start, end in zip(starts, ends, strict=True)]
        return np.sort(np.concatenate(pieces)) if pieces else np.zeros(0, np.int64)

    @functools.cached_property
    def _persons(self) -> RowsByPerson | None:
        if not self.unit_is_person:
            return None
        with np.load(self.path / "units.npz") as units:
            return RowsByPerson(units["offsets"], units["rows"])


def _describe(encoder: dict[str, str]) -> str:
    return f"{encoder.get('model')} with weights {encoder.get('weights_sha256', '')[:12]}"
