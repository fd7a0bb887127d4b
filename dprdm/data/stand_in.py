"""A collection that plays the private one where everything is to be looked at: its rows, and the class of each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int
from tqdm import tqdm

from dprdm.data.index import build_store, require_source
from dprdm.data.opening import open_public_store
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore, PublicStore
from dprdm.types import Embeddings, Queries, RowIds


@dataclass(frozen=True, eq=False)
class StandIn:
    """Embeddings without noise, and the captions, which are their classes.

    Args:
        rows: unit norm.
        classes: the distinct captions.
        class_of: position in `classes` of each row's caption.
        prompts: vectors of the classes, unit norm.
        source_index: position of each row's image in its source.
        fingerprint: of the store.
        is_private: whether these are private records. Then no number made of them is covered by any guarantee.
    """

    rows: Embeddings
    classes: tuple[str, ...]
    class_of: Int[np.ndarray, "row"]
    prompts: Queries
    source_index: RowIds
    fingerprint: str
    is_private: bool

    def class_named(self, name: str) -> int:
        """Return the position of the class. Raises UserError if there is none of that name."""
        if name not in self.classes:
            raise UserError(f"Expected one of the captions {', '.join(self.classes[:12])}; got {name!r}.")
        return self.classes.index(name)


def open_stand_in(source: ImageSource, encoder: Encoder, path: Path, is_private: bool) -> StandIn:
    """Return the embeddings of `source` at `path`, made if they are not there yet, and its captions.

    Args:
        is_private: the images are private: their store is a private one. Whoever asks for that knows that the rows are
            looked at without noise, outside the ledger.
    Raises:
        UserError: if the store is private and `is_private` is False, or if the images have no captions.
        StoreError: if the store is of other images, or of another encoder.
    """
    store: PrivateStore | PublicStore
    if is_private:
        store = _open_private(source, encoder, path)
    elif (path / MANIFEST).exists() and Manifest.read(path / MANIFEST).kind == "private":
        raise UserError(
            f"{path} is a private store, and this measures its rows without noise, outside its ledger. Name a public "
            "stand-in, or say --is_private true, and keep the results to yourself."
        )
    else:
        store = open_public_store(source, encoder, path)
    rows = store.rows_of(np.arange(store.num_units))  # none that belongs to nobody
    source_index = store.source_index()[rows]
    captions = [source.caption(int(index)) for index in source_index]
    if not all(captions):
        raise UserError("Expected a caption for every image: they are the classes. Give a source that has them.")
    classes, class_of = np.unique(np.array(captions, dtype=str), return_inverse=True)
    names = tuple(str(name) for name in classes)
    return StandIn(
        store.vectors(rows),
        names,
        class_of.astype(np.int64),
        encoder.texts(names),
        source_index,
        store.fingerprint,
        is_private,
    )


def _open_private(source: ImageSource, encoder: Encoder, path: Path) -> PrivateStore:
    if not (path / MANIFEST).exists():
        with tqdm(total=len(source), desc="Embedding private images", unit="image") as progress:
            build_store(source, encoder, path, PrivateStore, progress)
    store = PrivateStore(path)
    store.require_encoder(encoder.identity)
    require_source(store, source)
    return store
