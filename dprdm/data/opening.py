"""The store of a public collection: opened, and made on first use."""

import logging
from pathlib import Path

from dprdm.data.index import build_store, require_source
from dprdm.data.readers.source import ImageSource
from dprdm.data.shards import ImageEncoder
from dprdm.retrieval.store import MANIFEST, PublicStore

log = logging.getLogger(__name__)


def open_public_store(source: ImageSource, encoder: ImageEncoder, path: Path) -> PublicStore:
    """Return the embeddings of `source` at `path`; made if missing; what cannot be read is named in the log.

    Raises:
        StoreError: if the store there was made of other images, or by another encoder.
    """
    if not (path / MANIFEST).exists():
        from tqdm import tqdm

        with tqdm(total=len(source), desc="Embedding public images", unit="image") as progress:
            report = build_store(source, encoder, path, PublicStore, progress)
        for key in report.skipped:
            log.warning("Left out, cannot be read: %s", key)
    store = PublicStore(path)
    store.require_encoder(encoder.identity)
    require_source(store, source)
    return store
