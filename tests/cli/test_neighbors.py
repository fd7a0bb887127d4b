"""`neighbors` through the front door, and `fit` that uses what it made."""

import json
from pathlib import Path

import numpy as np
import pytest

from dprdm.cli import main
from dprdm.data import neighbours, searchers
from dprdm.retrieval import faiss_library
from tests.cli.front_door import refusal
from tests.workflows.test_fit import FOLDER, SMALL


@pytest.fixture(autouse=True)
def _public(public_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public store of the test images in `public/`."""
    monkeypatch.chdir(tmp_path)
    assert (
        main(["index", "--images", str(public_images), "--encoder", "demo", "--out", "public", "--kind", "public"]) == 0
    )


def _table(k: int) -> np.ndarray:
    return np.load(f"public/neighbours-{k}.npy")


def test_makes_the_table_with_faiss_and_says_how(capsys):
    assert main(["neighbors", "public", "--k", "6"]) == 0
    said = capsys.readouterr().out
    assert "6 neighbours of 240 images in public/neighbours-6.npy (faiss-cpu " in said and "; exact)" in said
    assert _table(6).shape == (240, 6) and json.loads(Path("public/neighbours-6.json").read_text())["is_exact"]
    assert main(["neighbors", "public", "--k", "6"]) == 0
    assert "There already: 6 neighbours" in capsys.readouterr().out


def test_numpy_finds_the_same_and_needs_no_faiss(monkeypatch, capsys):
    assert main(["neighbors", "public", "--k", "7"]) == 0
    monkeypatch.setattr(faiss_library, "DISTRIBUTIONS", ())
    monkeypatch.setattr(searchers, "load_faiss", None)
    assert main(["neighbors", "public", "--k", "5"]) == 0
    assert "(numpy " in capsys.readouterr().out
    agreeing = (_table(7)[:, :5] == _table(5)).mean()
    assert agreeing > 0.99  # equal scores may come in either order


def test_lists_are_approximate_and_say_so(capsys):
    assert main(["neighbors", "public", "--k", "5", "--method", "ivf", "--lists", "6", "--probes", "2"]) == 0
    said = capsys.readouterr().out
    assert "IVF6,Flat, 2 probes" in said and "; approximate: " in said
    approximate = _table(5)
    Path("public/neighbours-5.json").unlink()
    assert main(["neighbors", "public", "--k", "5"]) == 0
    common = [len(set(a) & set(b)) / 5 for a, b in zip(approximate.tolist(), _table(5).tolist(), strict=True)]
    recall = float(said.split("approximate: ")[1].split("%")[0]) / 100
    assert 0.3 < recall < 1 and abs(recall - np.mean(common)) < 0.05  # 200 of 240 rows were sampled


def test_fit_uses_the_table_that_is_there(public_images, monkeypatch):
    assert main(["neighbors", "public", "--k", "6"]) == 0
    monkeypatch.setattr(neighbours, "build_table", None)
    images = ("--data.init_args.source.init_args.folder", str(public_images))
    assert main(["fit", "--config", "demo.yaml", *FOLDER, *images, *SMALL]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gone"], "Expected a finished store in gone"),
        (["public", "--k", "0"], "Expected k=0 to be a whole number of at least 1"),
        (["public", "--k", "240"], "asked for 240 of 239 others"),
        (["public", "--device", "gpu"], "Expected a GPU that faiss can use"),
        (["public", "--method", "hnsw"], "method"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments, sentence, capsys):
    assert sentence in refusal(capsys, ["neighbors", *arguments])
    assert not list(Path("public").glob("neighbours*"))


def test_a_private_store_is_refused(workplace, capsys):
    assert "Expected a public store" in refusal(capsys, ["neighbors", "store"])


def test_two_distributions_of_faiss_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(faiss_library, "version", lambda name: "1.15")
    assert "both own the module faiss" in refusal(capsys, ["neighbors", "public"])
