"""`main.py index`: a folder of images into a store."""

from pathlib import Path
from typing import Literal

from dprdm.data.index import SHARD_ROWS
from dprdm.data.readers import cifar10, coco, fashion_mnist, imagenet, parquet, tars  # noqa: F401 - by name in --source
from dprdm.data.readers.folder import ImageFolder
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.clip import DEMO_MODEL, ClipEncoder
from dprdm.errors import UserError
from dprdm.retrieval.store import PrivateStore
from dprdm.workflows.index import check_store, describe_duplicates
from dprdm.workflows.index import index as index_source


def index(
    images: Path | None = None,
    source: ImageSource | None = None,
    out: Path | None = None,
    captions: Path | None = None,
    kind: Literal["private", "public"] = "private",
    model: str = DEMO_MODEL,
    pretrained: str | None = None,
    device: str = "cpu",
    shard_rows: int = SHARD_ROWS,
    group_column: str | None = None,
    max_per_group: int = 1,
    check: Path | None = None,
) -> None:
    """Embed a collection of images into a store, or check one. Interrupted, the same command goes on from there.

    Args:
        images: folder of images, searched to any depth.
        source: instead of --images, any other reader and its options, such as `--source Coco --source.root data/coco`:
            Coco, ImageNet, Cifar10, FashionMnist, Tars (web data sets), Parquet (Hugging Face), ImageFolder.
        out: the store's folder; must not hold a store yet.
        captions: table (.csv or .jsonl) with the columns file and caption; without it, the .txt beside each image.
        kind: private images are read by `predict` through a mechanism only; public ones train the generator.
        model: the encoder: a model that open_clip knows, or a model config (.json).
        pretrained: its weights: a tag or a file. The demo's model brings its own.
        device: where the encoder runs, such as cpu or cuda.
        shard_rows: images a shard; an interruption loses at most one shard's work.
        group_column: column of the captions table that names the person an image belongs to. The unit of privacy is then a
            person and all their images; without it, one image.
        max_per_group: images that one person may contribute; the rest is left out.
        check: instead of all this, folder of a finished store: read every vector and compare the checksums.
    """
    if check is not None:
        store = check_store(check)
        print(f"{len(store)} rows in {len(store.manifest.shards)} shards of {check}: every checksum holds.")
        return
    collection = _collection(images, source, captions, group_column)
    if out is None:
        raise UserError("Expected --out, the folder of the store to make.")
    indexed = index_source(collection, ClipEncoder(model, pretrained, device), out, kind, shard_rows, max_per_group)
    print(f"{indexed.report.rows} images in {out} ({kind}).")
    if indexed.report.dropped:
        print(f"{indexed.report.dropped} images of persons with more than {max_per_group} were left out.")
    if isinstance(indexed.store, PrivateStore) and (duplicates := describe_duplicates(indexed.store)):
        print(duplicates)


def _collection(
    images: Path | None, source: ImageSource | None, captions: Path | None, group_column: str | None
) -> ImageSource:
    if (images is None) == (source is None):
        raise UserError("Expected either --images or --source, and --out; or --check with a finished store.")
    if images is not None:
        return ImageFolder(images, captions, group_column)
    assert source is not None
    if captions is not None or group_column is not None:
        raise UserError(
            "Expected --captions and --group_column beside --images; with --source, see the reader's options."
        )
    return source
