"""`index`: a collection of images into a store."""

from pathlib import Path
from typing import Literal

from dprdm.data.index import SHARD_ROWS
from dprdm.data.readers import cifar10, coco, fashion_mnist, imagenet, parquet, tars  # noqa: F401 - by name in --source
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.retrieval.duplicates import THRESHOLD, keys_of, near_duplicates
from dprdm.retrieval.store import PrivateStore, Store
from dprdm.types import ExistingFile, ExistingFolder

NO_ENCODER = (
    "Expected --encoder, which turns images into vectors. For photographs, name a model of open_clip and its weights, such "
    "as ViT-L-14/openai; for images of another kind, train one on public images (`fit`, as demo_encoder.yaml does) and name "
    "the file that it writes; `demo` is for the demo's garments alone."
)


def index(
    images: ExistingFolder | None = None,
    source: ImageSource | None = None,
    encoder: str | None = None,
    out: Path | None = None,
    captions: ExistingFile | None = None,
    kind: Literal["private", "public"] = "private",
    device: str = "cpu",
    shard_rows: int = SHARD_ROWS,
    group_column: str | None = None,
    max_per_group: int | None = None,
    check: ExistingFolder | None = None,
) -> None:
    """Embed a collection of images into a store, or check one. Interrupted, the same command goes on from there.

    Args:
        images: folder of images, searched to any depth.
        source: instead of --images, any other reader and its options, such as `--source coco --source.root data/coco`.
        encoder: what turns images into vectors: MODEL/TAG of open_clip, such as ViT-L-14/openai; MODEL/FILE, MODEL being one
            of open_clip's or a model config (.json); the file that `fit` has written; or a registered name, such as demo.
        out: the store's folder; must not hold a store yet.
        captions: table (.csv or .jsonl) with the columns file and caption; without it, the .txt beside each image.
        kind: private images are read by `predict` through a mechanism only; public ones train the generator.
        device: where the encoder runs, such as cpu or cuda.
        shard_rows: images a shard; an interruption loses at most one shard's work.
        group_column: column of the captions table that names the person an image belongs to. The unit of privacy is then a
            person and all their images; without it, one image.
        max_per_group: images that one person may contribute, 1 if left out: the first that can be read; the rest is left out.
        check: instead of all this, folder of a finished store: read every vector and compare the checksums.
    """
    from dprdm.workflows import index as workflow

    if check is not None:
        if group_column is not None or max_per_group is not None:
            raise UserError(
                "Expected no --group_column and no --max_per_group with --check: the store is made already."
            )
        store = workflow.check_store(check)
        print(f"{len(store)} rows in {len(store.manifest.shards)} shards of {check}: every checksum holds.")
        return
    if (images is None) == (source is None):
        raise UserError("Expected either --images or --source, and --out; or --check with a finished store.")
    if encoder is None:
        raise UserError(NO_ENCODER)
    if out is None:
        raise UserError("Expected --out, the folder of the store to make.")
    collection = images or source
    assert collection is not None
    made = workflow.index(
        collection,
        captions,
        encoder=encoder,
        out=out,
        kind=kind,
        group_column=group_column,
        max_per_group=max_per_group,
        device=device,
        shard_rows=shard_rows,
    )
    print(_next_step(made))
    if isinstance(made, PrivateStore):
        print(_unit(made), _advice(made), sep="\n", end="")


def _next_step(store: Store) -> str:
    if isinstance(store, PrivateStore):
        return (
            f"Next: dprdm predict --private_store {store.path} --prompt ..., with the --config of a generator that was trained "
            "for this encoder; without one, the demo's."
        )
    return f"Next: dprdm neighbors {store.path}, then dprdm fit with a --config whose data have this store and encoder."


def _unit(store: PrivateStore) -> str:
    if not store.unit_is_person:
        return "The unit of privacy is one image. If one person is on several, name persons with --group_column."
    return f"The unit of privacy is a person: {store.num_units} of them, with at most {store.max_per_unit} images each."


def _advice(store: PrivateStore) -> str:
    """Return a warning of near-duplicates, for the eyes of the data's owner: printed, and stored nowhere."""
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
    return "\n".join(lines) + "\n"
