"""`index`: a collection of images into a store."""

from pathlib import Path
from typing import Literal

from dprdm.data.index import SHARD_ROWS
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.retrieval.duplicates import describe_duplicates
from dprdm.retrieval.store import PrivateStore
from dprdm.types import EncoderName, ExistingFile, ExistingFolder

NO_ENCODER = (
    "Expected --encoder, which turns images into vectors. For photographs, name a model of open_clip and its weights, such "
    "as ViT-L-14/openai; for images of another kind, train one on public images (`fit`, as demo_encoder.yaml does) and name "
    "the file that it writes; `demo` is for the demo's garments alone."
)


def index(
    images: ExistingFolder | None = None,
    source: ImageSource | None = None,
    encoder: EncoderName | None = None,
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
            raise UserError("Expected --check without --group_column and --max_per_group: the store is made already.")
        checked = workflow.check_store(check)
        print(f"{len(checked)} rows in {len(checked.manifest.shards)} shards of {check}: every checksum holds.")
        return
    collection = images or source
    if collection is None or (images is not None and source is not None):
        raise UserError("Expected either --images or --source, and --out; or --check with a finished store.")
    if encoder is None:
        raise UserError(NO_ENCODER)
    if out is None:
        raise UserError("Expected --out, the folder of the store to make.")
    store = workflow.index(
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
    print(workflow.next_step(store))
    if isinstance(store, PrivateStore):
        print(workflow.unit_of_privacy(store), describe_duplicates(store), sep="\n", end="")
