"""`test` through the front door: rows, tables, what is kept, what reads private images, what is refused."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dprdm.cli import main
from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo.fashion import FashionDemo
from dprdm.runs.results import Results
from tests.cli.front_door import predict, refusal
from tests.fakes import DEMO_CLIP

DARK = ("--real", "dprdm.demo.fashion.FashionDemo", "--real.split", "heldout_dark", "--max_real", "60")
DEMO_FEATURES = ("--features", "clip", "--features.model", DEMO_CLIP)
QUICK = (*DEMO_FEATURES, "--resamples", "5", "--out", "tested")


@pytest.fixture(scope="module")
def drawn(private_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a private run, and a run without privacy."""
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["index", "--images", str(private_images), "--encoder", "demo", "--out", "store"]) == 0
        assert predict("--name", "private", "--releases_per_prompt", "6") == 0
        assert predict("--name", "open", "--releases_per_prompt", "6", mechanism="nonprivate") == 0
    return folder / "runs"


@pytest.fixture
def measured(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with these runs, and a folder of real garments by class."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(drawn)
    source = FashionDemo("heldout")
    for label in (5, 7):
        for index in (source.labels == label).nonzero()[0][:12].tolist():
            path = tmp_path / "garments" / CLASS_NAMES[label] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            source.image(index).save(path)
    return tmp_path


def test_rows_tables_and_what_is_kept(measured, capsys):
    command = ["test", "runs/private", "runs/open", "garments", *DARK, *QUICK, "--folders_are", "real"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    results = Results.load(measured / "tested")
    assert [(row.name, row.status) for row in results.rows] == [
        ("private", "private"), ("open", "NON-PRIVATE"), ("garments", "real")
    ]  # fmt: skip
    assert results.metrics() == (
        "fid", "kid", "precision", "recall", "density", "coverage", "clip_score", "cmmd"
    )  # fmt: skip
    assert re.search(r"\| open +\| \*\*NON-PRIVATE\*\* ", printed) and "Fewer than 5,000 images (12)" in printed
    # 12 and 24 images never share a table.
    assert printed.count("| FID ") == 2
    assert all((measured / "tested" / image).is_file() for row in results.rows for image in row.images)
    with (measured / "tested" / "table.csv").open() as lines:
        assert len(list(csv.DictReader(lines))) == 24
    assert main(command) == 0
    assert capsys.readouterr().out.count("measured before, unchanged") == 3
    assert Results.load(measured / "tested").rows == results.rows


def test_use_and_the_private_source_is_noticed(measured, capsys):
    private = ("--real", "dprdm.demo.fashion.FashionDemo", "--real.split", "private", "--max_real", "40")
    asked = ["test", "garments", "runs/private", *private, *DEMO_FEATURES, "--out", "tested", "--resamples", "0"]
    assert main([*asked, "--metrics", "kid,clip_score,accuracy"]) == 2  # 12 images are too few to learn from
    assert "synthetic_images=12" in capsys.readouterr().err
    assert main([*asked, "--metrics", "kid,clip_score", "--wandb"]) == 0
    printed = capsys.readouterr().out
    assert "The real images are private" in printed
    assert "2 numbers read private images and were not logged" in printed
    _, of_run = Results.load(measured / "tested").rows
    assert of_run.measurement("kid").provenance.reads_private
    assert not of_run.measurement("clip_score").provenance.reads_private


def test_without_real_images_the_public_source_serves(measured, capsys):
    assert main(["test", "runs/private", "--max_real", "30", "--metrics", "kid,accuracy", *QUICK]) == 2
    assert main(["test", "runs/private", "--max_real", "30", "--metrics", "kid", *QUICK]) == 0
    assert "compared with the public images" in capsys.readouterr().out
    (row,) = Results.load(measured / "tested").rows
    assert not row.measurement("kid").provenance.reads_private


def test_real_images_of_another_size_are_fitted_and_a_folder_names_classes(measured):
    for path in (measured / "garments").rglob("*.png"):
        with Image.open(path) as image:
            own = measured / "large" / path.relative_to(measured / "garments")
            own.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(image.convert("RGB").resize((40, 44)))).save(own)
    asked = ["test", "garments", "--real_folder", "large", "--metrics", "kid,accuracy", *QUICK]
    assert main(asked) == 0
    (row,) = Results.load(measured / "tested").rows
    assert row.status == "NON-PRIVATE"
    assert row.measurement("kid").provenance.resize.startswith("real images fitted to 28 x 28 grey")
    assert row.measurement("accuracy").value > 0.5


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--metrics", "fdi"), "no metric is called"),
        (("--features", "incepton"), "Did you mean 'inception'"),
        (("--metrics", "class_found"), "a judge"),
        (("--real_folder", "images"), "one place"),
        (("--resamples", "1"), "resamples=1"),
    ],
)
def test_refusals(tmp_path, monkeypatch, capsys, more, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for index in range(3):
        FashionDemo("heldout").image(index).save(tmp_path / "images" / f"{index}.png")
    assert sentence in refusal(capsys, ["test", "images", *DARK, *DEMO_FEATURES, *more])
    assert not (tmp_path / "runs").exists()


def test_no_run_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "none" in refusal(capsys, ["test", "nowhere", *DARK])
    assert "Expected RUNS" in refusal(capsys, ["test", *DARK])
