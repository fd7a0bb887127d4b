"""`main.py index`: a folder of images into a store."""

from pathlib import Path
from typing import Literal

from tqdm import tqdm

from dprdm.data.index import SHARD_ROWS, build_store
from dprdm.data.readers import cifar10, coco, fashion_mnist, imagenet, parquet, tars  # noqa: F401 - by name in --source
from dprdm.data.readers.folder import ImageFolder
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.clip import DEMO_MODEL, ClipEncoder
from dprdm.errors import UserError
from dprdm.retrieval.duplicates import THRESHOLD, keys_of, near_duplicates
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore, PublicStore


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
        print(_check(check))
        return
    collection = _collection(images, source, captions, group_column)
    if out is None:
        raise UserError("Expected --out, the folder of the store to make.")
    max_per_unit = max_per_group if collection.group_column is not None else None
    encoder = ClipEncoder(model, pretrained, device)
    store: type[PrivateStore] | type[PublicStore] = PrivateStore if kind == "private" else PublicStore
    with tqdm(total=len(collection), desc="Embedding", unit="image") as progress:
        report = build_store(collection, encoder, out, store, progress, shard_rows, max_per_unit)
    print(f"{report.rows} images in {out} ({kind}).")
    if report.dropped:
        print(f"{report.dropped} images of persons with more than {max_per_group} were left out.")
    for key in report.skipped:
        print(f"Skipped, cannot be read: {key}")
    if kind == "private":
        print(_advice(PrivateStore(out, check=False)), end="")


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


def _check(path: Path) -> str:
    private = (path / MANIFEST).is_file() and Manifest.read(path / MANIFEST).kind == PrivateStore.kind
    store = PrivateStore(path, check=True) if private else PublicStore(path, check=True)
    return f"{len(store)} rows in {len(store.manifest.shards)} shards of {path}: every checksum holds."


def _advice(store: PrivateStore) -> str:
    """Near-duplicates, for the eyes of the data's owner: printed, and kept nowhere."""
    found = near_duplicates(store)
    if not found.with_copy:
        return ""
    sample = "" if found.compared == found.rows else f" of {found.compared} sampled"
    lines = [
        f"{found.with_copy}{sample} images look almost the same as another one (cosine above {THRESHOLD}). Someone may be "
        "there twice, and is then protected half as well: name persons with --group_column, or remove copies.",
        *(f"  {' and '.join(keys_of(store, pair))}" for pair in found.pairs),
        "This list is private. It is shown here and kept nowhere.",
    ]
    return "\n".join(lines) + "\n"
