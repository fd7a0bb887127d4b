from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tqdm import tqdm

from dprdm.cli import main
from dprdm.data.index import build_store
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import FashionDemo
from dprdm.retrieval.store import PrivateStore
from dprdm.runs.results import Results
from tests.cli.front_door import refusal

TINY = (
    "fidelity", "--config", "demo_fidelity.yaml", "--out", "out", "--store", "stand-in", "--repeats", "2", "--eps", "[1,1000]",
    "--queries", "[100]", "--mechanisms", "[gaussian,centered]", "--denoisers", "[none,joint]", "--neighbours", "10", "--k", "5",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fidelity")


@pytest.fixture(autouse=True)
def few(place, monkeypatch):
    from dprdm.demo import fashion

    whole = fashion.load_split
    monkeypatch.setattr(fashion, "load_split", lambda split: tuple(part[:150] for part in whole(split)))
    monkeypatch.chdir(place)


def values(results, metric):
    return {row.name: row.measurement(metric).value for row in results.rows}


def test_table_and_curves(capsys):
    assert main(TINY) == 0
    results = Results.load(Path("out"))
    assert results.kind == "fidelity"
    assert [row.status for row in results.rows[:3]] == ["public", "NON-PRIVATE", "private"]
    assert len(results.rows) == 2 + 2 * 2 * 2
    cosine, recall, rank = (values(results, metric) for metric in ("cosine", "recall", "class_rank"))
    weak, strong = "gaussian, epsilon 1000, 100 queries", "gaussian, epsilon 1, 100 queries"
    assert cosine[strong] < cosine[weak] < 1
    assert cosine[strong] < cosine[f"{strong}, joint"]
    assert recall[strong] < recall[weak]
    assert rank[strong] > rank[weak] >= 1
    for row in results.rows:
        for one in row.measurements:
            assert one.low <= one.value <= one.high
            assert not one.provenance.reads_private
    assert [picture.file for picture in results.pictures] == ["cosine.png", "recall.png", "class_first.png"]
    for picture in results.pictures:
        with Image.open(Path("out") / picture.file) as image:
            assert image.width > 100
    assert "nonprivate" in capsys.readouterr().out


def test_goes_on_from_what_was_measured(monkeypatch):
    arguments = [*TINY, "--out", "again", "--mechanisms", "[gaussian]"]
    assert main(arguments) == 0
    before = Results.load(Path("again"))
    kept = {path: path.stat().st_mtime_ns for path in Path("again/kept").iterdir()}
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in Path("again/kept").iterdir()} == kept
    cosine = [values(results, "cosine") for results in (before, Results.load(Path("again")))]
    del cosine[0]["nonprivate"], cosine[1]["nonprivate"]  # drawn anew, from another sample
    assert cosine[0] == cosine[1]


def test_a_private_store_is_refused_unless_named_so(capsys):
    source = FashionDemo("heldout_dark")
    build_store(source, DemoEncoder(), Path("private"), PrivateStore, tqdm(disable=True))
    arguments = [*TINY, "--store", "private", "--mechanisms", "[gaussian]", "--eps", "[10]", "--out", "secret"]
    assert "say --is_private true" in refusal(capsys, arguments)
    assert main([*arguments, "--is_private", "true"]) == 0
    results = Results.load(Path("secret"))
    assert all(one.provenance.reads_private for row in results.rows for one in row.measurements)
    assert any("read private records" in note for note in results.notes)
    assert not (Path("private") / "ledger.sqlite").exists()
    assert np.isfinite(list(values(results, "cosine").values())).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mechanisms", "[nonprivate]"], "adds no noise"),
        (["--denoisers", "[jiont]"], "Did you mean 'joint'?"),
        (["--eps", "[-1]"], "eps=-1"),
        (["--queries", "[]"], "at least one of --eps and one of --queries"),
        (["--neighbours", "1000"], "neighbours=1000"),
        (["--delta", "1"], "delta=1"),
        (["--is_private", "true"], "Expected a private store"),
    ],
)
def test_refusals(capsys, arguments, sentence):
    assert sentence in refusal(capsys, [*TINY, "--out", "refused", *arguments])
    assert not Path("refused/results.json").exists()
