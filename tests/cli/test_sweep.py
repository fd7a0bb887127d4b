"""A sweep asks every point once, measures it once, and draws what privacy costs."""

from pathlib import Path

import pytest
import yaml

from dprdm.cli import main
from dprdm.retrieval.store import PrivateStore
from dprdm.runs.results import Results

SWEEP = {
    "title": "Two points",
    "predict": "demo.yaml",
    "prompts": ["bag", "dress"],
    "images_per_prompt": 2,
    "measure": {
        "real": {"class_path": "dprdm.demo.fashion.FashionDemo", "init_args": {"split": "heldout_dark"}},
        "features": {"class_path": "dprdm.metrics.networks.EfficientNetLite0", "init_args": {"side": 32}},
        "encoder": {"class_path": "dprdm.demo.encoder.DemoEncoder"},
        "max_real": 12,
        "metrics": ["kid", "clip_score"],
        "resamples": 2,
    },
    "horizons": {"no noise": {"mechanism": "nonprivate", "eps": 1, "mechanism.k": 5}},
    "curves": [
        {
            "axis": "eps",
            "values": [1, 10],
            "lines": {"gaussian": {"mechanism": "gaussian", "queries": 4, "delta": 1e-5, "mechanism.k": 5}},
        }
    ],
}


def _config(folder: Path, **changed: object) -> str:
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump({**SWEEP, **changed}))
    return str(path)


def test_points_curves_and_what_is_kept(workplace, capsys):
    asked = ["sweep", "--config", _config(workplace), "--private_store", "store", "--out", "swept"]
    assert main(["ledger", "cap", "store", "--eps", "100", "--delta", "1e-5"]) == 0
    assert main(asked) == 0
    results = Results.load(workplace / "swept")
    assert [(row.name, row.status) for row in results.rows] == [
        ("no noise", "NON-PRIVATE"), ("gaussian, eps 1", "private"), ("gaussian, eps 10", "private")
    ]  # fmt: skip
    assert results.metrics() == ("kid", "clip_score")
    assert [row.settings["eps"] for row in results.rows] == [1, 1, 10]
    assert all((workplace / "swept" / file).is_file() for row in results.rows for file in row.images)
    assert {picture.file for picture in results.pictures} == {"kid_by_eps.png", "clip_score_by_eps.png"}
    assert "no noise" in results.pictures[0].alt
    assert "private store's ledger" in results.notes[1]
    before = {path: path.stat().st_mtime_ns for path in (workplace / "swept" / "rows").iterdir()}
    kept = len(list((workplace / "swept" / "points").glob("*/samples.csv")))
    assert main(asked) == 0
    assert len(list((workplace / "swept" / "points").glob("*/samples.csv"))) == kept == 3
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "3 points" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "options", "sentence"),
    [
        ({}, [], "either --stand_in"),
        ({"prompts": []}, ["--private_store", "store"], "Expected curves to draw and prompts to ask"),
        ({"curves": []}, ["--private_store", "store"], "Expected curves to draw and prompts to ask"),
        ({"predict": "demos.yaml"}, ["--private_store", "store"], "Expected a config file at demos.yaml"),
        ({"measure": {**SWEEP["measure"], "metrics": ["fidd"]}}, ["--private_store", "store"], "no metric is called 'fidd'"),
        ({"horizons": {"x": {"mechanism": "gausian"}}}, ["--private_store", "store"], "no mechanism is called 'gausian'"),
        ({"images_per_prompt": 0}, ["--private_store", "store"], "images_per_prompt=0"),
    ],
)  # fmt: skip
def test_refusals(workplace, capsys, changed, options, sentence):
    assert main(["sweep", "--config", _config(workplace, **changed), "--out", "swept", *options]) == 2
    message = [
        line
        for line in capsys.readouterr().err.replace("\r", "\n").splitlines()
        if "Error" in line or "Unknown" in line
    ]
    assert len(message) == 1 and sentence in message[0]
    assert not PrivateStore(workplace / "store").ledger_path.exists()
