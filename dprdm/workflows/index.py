"""Embed a collection of images into a store: what comes before every release, and before every training."""

import logging
from pathlib import Path
from typing import Literal, overload

from tqdm import tqdm

from dprdm import check, registry
from dprdm.data.captions import caption_vectors
from dprdm.data.index import SHARD_ROWS, build_store
from dprdm.data.persons import names_persons
from dprdm.data.readers.folder import ImageFolder
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.public.knowledge import NO_CAPTION
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore, PublicStore, Store
from dprdm.workflows.encoder_names import load_encoder

log = logging.getLogger(__name__)
Kind = Literal["private", "public"]
STORES: dict[str, type[PrivateStore] | type[PublicStore]] = {"private": PrivateStore, "public": PublicStore}


@overload
def index(
    images: ImageSource | Path | str,
    captions: Path | str | None = None,
    *,
    encoder: Encoder | str,
    out: Path | str,
    kind: Literal["private"] = "private",
    group_column: str | None = None,
    max_per_group: int | None = None,
    device: str = "cpu",
    shard_rows: int = SHARD_ROWS,
    shows_progress: bool = True,
) -> PrivateStore: ...
@overload
def index(
    images: ImageSource | Path | str,
    captions: Path | str | None = None,
    *,
    encoder: Encoder | str,
    out: Path | str,
    kind: Literal["public"],
    group_column: str | None = None,
    max_per_group: int | None = None,
    device: str = "cpu",
    shard_rows: int = SHARD_ROWS,
    shows_progress: bool = True,
) -> PublicStore: ...
def index(
    images: ImageSource | Path | str,
    captions: Path | str | None = None,
    *,
    encoder: Encoder | str,
    out: Path | str,
    kind: Kind = "private",
    group_column: str | None = None,
    max_per_group: int | None = None,
    device: str = "cpu",
    shard_rows: int = SHARD_ROWS,
    shows_progress: bool = True,
) -> Store:
    """Embed every image of a collection into a store. Interrupted, the same call goes on from there.

    Args:
        images: a folder of images, searched to any depth, or any reader.
        captions: of a folder: a table (.csv or .jsonl) with the columns file and caption. None: the .txt beside each image.
        encoder: what turns images into vectors: an object, or its name, such as `ViT-L-14/openai` (see `load_encoder`).
        out: the store's folder; must not hold a store yet.
        kind: private images are read through a mechanism only; public ones train the generator.
        group_column: of a folder: column of the captions table that names the person an image belongs to. The unit of
            privacy is then a person and all their images; without it, one image.
        max_per_group: images that one person may contribute: the first that can be read. The rest is left out. None: 1.
        device: where an encoder that is named runs, such as cpu or cuda.
        shard_rows: images a shard; an interruption loses at most one shard's work.
        shows_progress: draw a bar.

    Returns:
        The store, opened, with its encoder. With a public one lie the vectors of its captions.

    Raises:
        StoreError: if `out` holds a finished store, or one begun with other images or another encoder.
        UserError: if the images, their persons or the encoder cannot be had, or no image can be read.

    Examples:
        >>> store = dprdm.index(images, encoder="demo", out="stores/mine", shows_progress=False)
        >>> len(store)
        240
    """
    if isinstance(encoder, str):
        registry.describe("encoder", encoder)  # before a long list of files is read
    collection = _collection(images, captions, group_column)
    max_per_unit = _max_per_unit(collection, kind, max_per_group)
    embedder = load_encoder(encoder, device) if isinstance(encoder, str) else encoder
    folder, store = Path(out), STORES[kind]
    with tqdm(total=len(collection), desc="Embedding", unit="image", disable=not shows_progress) as progress:
        name = encoder if isinstance(encoder, str) else None
        report = build_store(collection, embedder, folder, store, progress, shard_rows, max_per_unit, name)
    log.info("%d images in %s (%s), embedded by %s.", report.rows, folder, kind, embedder.identity["model"])
    if report.dropped:
        log.info("%d images of persons with more than %s were left out.", report.dropped, max_per_unit)
    for key in report.skipped:
        log.info("Skipped, cannot be read: %s", key)
    indexed = store(folder, check=False, encoder=embedder)
    if isinstance(indexed, PublicStore):
        captions_of = caption_vectors(collection, embedder, indexed).caption_of
        log.info("%d of %d images have a caption.", (captions_of != NO_CAPTION).sum(), len(indexed))
    return indexed


def check_store(path: Path | str) -> Store:
    """Read every vector of a finished store, compare the checksums, and return the store.

    Raises:
        StoreError: if there is none, or it is damaged.
    """
    manifest = Path(path) / MANIFEST
    is_private = manifest.is_file() and Manifest.read(manifest).kind == PrivateStore.kind
    return STORES["private" if is_private else "public"](Path(path), check=True)


def unit_of_privacy(store: PrivateStore) -> str:
    """Say what is protected as a whole: an image, or a person."""
    if not store.unit_is_person:
        return "The unit of privacy is one image. If one person is on several, name persons with a group column."
    return f"The unit of privacy is a person: {store.num_units} of them, with at most {store.max_per_unit} images each."


def next_step(store: Store) -> str:
    """Say what a store is made for."""
    if isinstance(store, PrivateStore):
        return (
            f"Next: dprdm predict --private_store {store.path} --prompt ..., with the --config of a generator that was trained "
            "for this encoder; without one, the demo's."
        )
    return f"Next: dprdm neighbors {store.path}, then dprdm fit with a --config whose data have this store and encoder."


def _max_per_unit(collection: ImageSource, kind: Kind, max_per_group: int | None) -> int | None:
    """Return the most images of a person, where the unit of privacy is one. Raise UserError for what has no effect."""
    is_grouped = names_persons(collection)
    if kind == "public":
        if is_grouped or max_per_group is not None:
            raise UserError(
                "Expected no persons with kind public: public images have no unit of privacy, so that a group column and "
                "max_per_group would have no effect. Leave them out, or index with kind private."
            )
        return None
    if is_grouped:
        return 1 if max_per_group is None else check.at_least(1, max_per_group=max_per_group)
    if max_per_group is not None:
        raise UserError(
            "Expected group_column with max_per_group: where no column names persons, the unit of privacy is one image, and "
            "max_per_group would have no effect. Name the column (of another reader: source.group_column, or "
            "source.group_key of Tars), or leave max_per_group out."
        )
    return None


def _collection(images: ImageSource | Path | str, captions: Path | str | None, group_column: str | None) -> ImageSource:
    if not isinstance(images, ImageSource):
        return ImageFolder(Path(images), None if captions is None else Path(captions), group_column)
    if captions is not None or group_column is not None:
        raise UserError(
            "Expected captions and group_column with a folder of images; of another reader, see the reader's options."
        )
    return images
