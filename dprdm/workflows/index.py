"""Embed a collection of images into a store, check a store, and tell its owner of images that are nearly the same."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tqdm import tqdm

from dprdm.data.index import SHARD_ROWS, IndexReport, build_store
from dprdm.data.readers.source import ImageSource
from dprdm.data.shards import ImageEncoder
from dprdm.retrieval.duplicates import THRESHOLD, keys_of, near_duplicates
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore, PublicStore

log = logging.getLogger(__name__)

AnyStore: TypeAlias = PrivateStore | PublicStore
Kind: TypeAlias = Literal["private", "public"]
STORES: dict[Kind, type[PrivateStore] | type[PublicStore]] = {"private": PrivateStore, "public": PublicStore}


@dataclass(frozen=True)
class IndexedImages:
    """A new store, and what indexing counted: rows, images that could not be read, images over a person's share."""

    store: AnyStore
    report: IndexReport


def index(
    source: ImageSource,
    encoder: ImageEncoder,
    out: Path,
    kind: Kind = "private",
    shard_rows: int = SHARD_ROWS,
    max_per_group: int = 1,
) -> IndexedImages:
    """Embed every image of a source into a store. Interrupted, the same call goes on from there.

    Args:
        source: the collection. One that groups its images by person makes persons the unit of privacy.
        encoder: turns images into unit vectors.
        out: the store's folder; must not hold a finished store.
        kind: private images are read through a mechanism only; public ones train generators.
        shard_rows: images a shard; an interruption loses at most one shard's work.
        max_per_group: images that one person may contribute, where the source groups them; the rest is left out.
    Raises:
        StoreError: if there is a store already, or one begun with other images, encoder or shard size.
        UserError: if no image can be read.
    """
    max_per_unit = max_per_group if source.group_column is not None else None
    with tqdm(total=len(source), desc="Embedding", unit="image") as progress:
        report = build_store(source, encoder, out, STORES[kind], progress, shard_rows, max_per_unit)
    for key in report.skipped:
        log.info(f"Skipped, cannot be read: {key}")
    return IndexedImages(STORES[kind](out, check=False), report)


def check_store(path: Path) -> AnyStore:
    """Open a finished store of either kind, read every vector and compare the checksums.

    Raises:
        StoreError: if there is no finished store, or a file of it is damaged.
    """
    is_private = (path / MANIFEST).is_file() and Manifest.read(path / MANIFEST).kind == PrivateStore.kind
    return PrivateStore(path, check=True) if is_private else PublicStore(path, check=True)


def describe_duplicates(store: PrivateStore) -> str:
    """Name a few near-duplicates to the owner of a private store; empty if there are none. For their eyes alone."""
    duplicates = near_duplicates(store)
    if not duplicates.with_copy:
        return ""
    sample = "" if duplicates.compared == duplicates.rows else f" of {duplicates.compared} sampled"
    lines = [
        f"{duplicates.with_copy}{sample} images look almost the same as another one (cosine above {THRESHOLD}). Someone may be "
        "there twice, and is then protected half as well: name persons with --group_column, or remove copies.",
        *(f"  {' and '.join(keys_of(store, pair))}" for pair in duplicates.pairs),
        "This list is private. It is shown here and kept nowhere.",
    ]
    return "\n".join(lines)
