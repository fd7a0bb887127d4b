"""The vectors of a public collection's captions, in the folder of its store."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from dprdm.data.readers.source import ImageSource
from dprdm.errors import StoreError
from dprdm.files import write_whole
from dprdm.public.knowledge import NO_CAPTION, PublicKnowledge
from dprdm.public.prior import PublicPrior
from dprdm.retrieval.store import PromptEncoder, PublicStore
from dprdm.types import Queries, Query

NAME = "captions.safetensors"


@dataclass(frozen=True, eq=False)
class CaptionVectors:
    """Vectors of the distinct captions, unit norm, and which of them is each row's: -1 where it has none."""

    queries: Queries
    caption_of: Int[np.ndarray, "row"]


@dataclass(frozen=True, eq=False)
class ByCaption:
    """A vector for each caption, last that of images without one, and which is each row's."""

    vectors: Float[np.ndarray, "caption dim"]
    caption_of: Int[np.ndarray, "row"]

    def of_row(self, row: int) -> Query:
        """Return the vector of a row's caption."""
        vector: Query = self.vectors[self.caption_of[row]]
        return vector


def nothing(count: int, dim: int) -> ByCaption:
    """Return one zero vector for each row."""
    return ByCaption(np.zeros((1, dim), np.float32), np.full(count, NO_CAPTION))


def own_vectors(captions: CaptionVectors) -> ByCaption:
    """Return each caption's own vector, and zero for images without one."""
    none = np.zeros((1, captions.queries.shape[1]), np.float32)
    return ByCaption(np.concatenate([captions.queries, none]), captions.caption_of)


def expected_centres(captions: CaptionVectors, prior: PublicPrior) -> ByCaption:
    """Return where neighbours of each caption are expected, and the mean of all rows for images without one."""
    none = prior.rows.mean(axis=0, keepdims=True, dtype=np.float64)
    vectors = np.concatenate([prior.centre(captions.queries), none]) if len(captions.queries) else none
    return ByCaption(vectors.astype(np.float32), captions.caption_of)


def caption_vectors(source: ImageSource, encoder: PromptEncoder, store: PublicStore) -> CaptionVectors:
    """Return the captions of the rows of a public store; embedded once, and then read from its folder."""
    path = store.path / NAME
    if not path.exists():
        captions = [source.caption(int(position)) for position in store.source_index()]
        distinct = {caption: number for number, caption in enumerate(dict.fromkeys(filter(None, captions)))}
        vectors = encoder.texts(list(distinct)) if distinct else np.zeros((0, store.dim), np.float32)
        caption_of = np.array([distinct.get(caption, NO_CAPTION) for caption in captions], np.int64)
        write_whole(path, lambda file: save_file({"queries": vectors, "caption_of": caption_of}, file))
    return _read(path, len(store))


def read_knowledge(store: PublicStore) -> PublicKnowledge:
    """Read what mechanisms and denoisers may learn from: rows and, where they were embedded, their captions."""
    path, rows = store.path / NAME, store.vectors(np.arange(len(store)))
    none = CaptionVectors(np.zeros((0, store.dim), np.float32), np.full(len(store), NO_CAPTION))
    captions = _read(path, len(store)) if path.exists() else none
    return PublicKnowledge(rows, captions.queries, captions.caption_of, store.fingerprint, store.path)


def _read(path: Path, rows: int) -> CaptionVectors:
    try:
        captions = CaptionVectors(**load_file(path))
    except (SafetensorError, TypeError, OSError) as error:
        raise StoreError(
            f"Expected caption vectors in {path}; the file is damaged. Remove it, and it is made anew."
        ) from error
    if len(captions.caption_of) != rows:
        raise StoreError(f"Expected {rows} captions in {path}, found {len(captions.caption_of)}. Remove it.")
    return captions
