"""`index --source`: every reader can be made a private or a public store."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dprdm.cli import main
from dprdm.retrieval.store import PrivateStore, PublicStore
from tests.cli.front_door import refusal
from tests.data.pictures import picture
from tests.data.readers.archives import encoded, write_tar
from tests.data.readers.idx import write_fashion


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _coco() -> list[str]:
    picture(Path("coco/val2014/a.jpg"))
    Path("coco/annotations").mkdir()
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    Path("coco/annotations/captions_val2014.json").write_text(json.dumps(content))
    return ["Coco", "--source.root", "coco", "--source.split", "val2014"]


def _imagenet() -> list[str]:
    picture(Path("in/train/n01440764/a.jpg"))
    return ["ImageNet", "--source.root", "in"]


def _fashion() -> list[str]:
    write_fashion(Path("fashion"), count=20)
    return ["FashionMnist", "--source.root", "fashion"]


def _tars() -> list[str]:
    write_tar(Path("tars/000.tar"), [("a.png", encoded(1)), ("b.png", encoded(200))])
    return ["Tars", "--source.shards", "tars/{000..000}.tar"]


def _parquet() -> list[str]:
    pq.write_table(pa.table({"image": [{"bytes": encoded(9), "path": None}]}), "a.parquet")
    return ["Parquet", "--source.files", "*.parquet"]


@pytest.mark.parametrize(("make", "rows"), [(_coco, 1), (_imagenet, 1), (_fashion, 20), (_tars, 2), (_parquet, 1)])
@pytest.mark.parametrize(("kind", "store"), [("private", PrivateStore), ("public", PublicStore)])
def test_every_reader_becomes_a_store(make, rows: int, kind: str, store) -> None:
    assert main(["index", "--source", *make(), "--encoder", "demo", "--out", "store", "--kind", kind]) == 0
    assert len(store(Path("store"))) == rows


def test_a_config_may_name_the_reader() -> None:
    shards = _tars()[2]
    Path("c.yaml").write_text(
        f"out: store\nencoder: demo\nsource: {{class_path: Tars, init_args: {{shards: '{shards}'}}}}\n"
    )
    assert main(["index", "--config", "c.yaml"]) == 0
    assert len(PrivateStore(Path("store"))) == 2


def test_persons_of_a_reader_are_the_units() -> None:
    images = [{"bytes": encoded(level), "path": None} for level in (1, 90, 200)]
    pq.write_table(pa.table({"image": images, "who": ["ann", "ann", "bob"]}), "a.parquet")
    source = ["--source", "Parquet", "--source.files", "a.parquet", "--source.group_column", "who"]
    assert main(["index", *source, "--encoder", "demo", "--out", "store", "--max-per-group", "2"]) == 0
    store = PrivateStore(Path("store"))
    assert (store.num_units, store.max_per_unit, store.manifest.group_column) == (2, 2, "who")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--source", "Cifar10", "--source.root", "gone"], "Expected CIFAR-10, whole, in gone"),
        (["--source", "Coco", "--source.rot", "gone"], "Did you mean --source.root?"),
        (["--source", "Coco"], "with all the options that Coco needs"),
        (["--source", "Nonesuch"], "no reader is called 'Nonesuch'. Known: "),
        (["--source", "Coco", "--source.root", "x", "--images", "."], "either --images or --source"),
        (["--source", "FashionMnist", "--group_column", "y"], "see the reader's options"),
    ],
)
def test_a_reader_that_cannot_be_made_is_one_sentence(
    arguments, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments[1] == "FashionMnist":
        arguments = ["--source", *_fashion(), *arguments[2:]]
    elif "--images" in arguments:
        arguments = ["--source", *_coco(), *arguments[4:]]
    assert sentence in refusal(capsys, ["index", *arguments, "--encoder", "demo", "--out", "store"])
    assert not Path("store").exists()
