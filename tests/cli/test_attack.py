from pathlib import Path

import pytest
from PIL import Image

from dprdm.cli import main
from dprdm.runs.results import Results
from tests.cli.front_door import refusal

TINY = (
    "attack", "--config", "demo_attack.yaml", "--source.split", "heldout_dark", "--out", "out", "--store", "stand-in",
    "--trials", "4", "--candidates", "8", "--image_trials", "3", "--image_candidates", "2", "--queries", "1",
    "--k", "5", "--mechanisms", "[nonprivate,gaussian]", "--eps", "[10]", "--columns", "2", "--model.steps", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A working directory with the demo's embeddings of a few images: made once, read by all tests here."""
    return tmp_path_factory.mktemp("attack")


@pytest.fixture(autouse=True)
def few(place, monkeypatch):
    from dprdm.demo import fashion

    whole = fashion.load_split
    monkeypatch.setattr(fashion, "load_split", lambda split: tuple(part[:150] for part in whole(split)))
    monkeypatch.chdir(place)


def test_all_parts_through_the_front_door(capsys):
    assert main(TINY) == 0
    results = Results.load(Path("out"))
    assert results.kind == "attack"
    assert len(results.rows) == 2 * 2 * 3 * 2 + 4
    for picture in results.pictures:
        with Image.open(Path("out") / picture.file) as image:
            assert image.width > 100
        assert picture.file == "minus_one.png" or (Path("out") / picture.file).with_suffix(".svg").is_file()
    by_name = {row.name: row for row in results.rows}
    sure = by_name["nonprivate, k 1; released, own query, nearest answer"]
    assert sure.measurement("auc").value == 1
    assert sure.status == "NON-PRIVATE"
    assert sure.measurement("tpr_allowed_at_1_fpr") is None
    private = by_name["gaussian, epsilon 10; released, own query, likelihood ratio"]
    assert private.status == "private"
    assert 0.9 < private.measurement("tpr_allowed_at_1_fpr").value <= 1
    assert not any(one.provenance.reads_private for row in results.rows for one in row.measurements)
    with_it, without = (by_name[f"nonprivate, k 1, {how} the trouser"] for how in ("with", "without"))
    assert with_it.measurement("cosine_to_the_one").value == pytest.approx(1, abs=1e-6)
    assert without.measurement("cosine_to_the_one").value < 0.99
    assert all((Path("out") / file).is_file() for row in (with_it, without) for file in row.images)
    assert "likelihood ratio  " in capsys.readouterr().out


def test_goes_on_from_what_was_measured(monkeypatch):
    arguments = [*TINY, "--only", "released", "--out", "again"]
    assert main(arguments) == 0
    before = Results.load(Path("again"))

    def never(*_):
        raise AssertionError("released anew")

    monkeypatch.setattr("dprdm.workflows.membership.attack_stores", never)
    assert main(arguments) == 0
    assert Results.load(Path("again")) == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mechanisms", "[gausian]"], "Did you mean 'gaussian'?"),
        (["--eps", "[0]"], "eps=0"),
        (["--eps", "[]"], "Expected at least one of --mechanisms and one of --eps"),
        (["--queries", "0"], "queries=0"),
        (["--trials", "2"], "trials=2"),
        (["--candidates", "1"], "candidates=1"),
        (["--k", "1000"], "k=1000"),
        (["--striking", "hat", "--only", "minus_one"], "Expected one of the captions"),
        (["--model", "null", "--only", "images"], "Expected a generator"),
    ],
)
def test_refusals(capsys, arguments, sentence):
    assert sentence in refusal(capsys, [*TINY, "--only", "released", "--out", "refused", *arguments])
    assert not Path("refused/results.json").exists()
