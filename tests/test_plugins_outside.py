"""A package of somebody else's with one plugin of each kind: installed, found by name, and used like the built-in ones."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import dprdm
from dprdm import registry
from dprdm.cli import main
from dprdm.errors import UnknownPlugin
from dprdm.registry import class_path, create, find
from tests.cli.front_door import refusal, runs

ROOT = Path(__file__).parents[1]
OUTSIDE = ROOT / "tests" / "plugins_outside"
PLUGINS = {
    "mechanism": ("laplace", "Laplace"),
    "retriever": ("signs", "Signs"),
    "denoiser": ("shrinkage", "Shrinkage"),
    "reader": ("medmnist", "MedMnist"),
    "metric": ("vendi", "VENDI"),
    "features": ("pixels", "Pixels"),
    "encoder": ("colours", "Colours"),
    "generator": ("swatches", "Swatches"),
}
CONFIG = {
    "model": "swatches",
    "data": {
        "class_path": "dprdm.data.datamodule.NeighbourDataModule",
        "init_args": {
            "source": {"class_path": "prompts", "init_args": {"prompts": ["red", "blue"]}},
            "encoder": "colours",
            "store": "nothing",
        },
    },
    "retriever": "signs",
    "denoiser": "shrinkage",
    "mechanism": {"class_path": "laplace", "init_args": {"k": 5, "sampling_rate": 0.3}},
}  # fmt: skip
PREDICT = (
    "predict", "--config", "outside.yaml", "--private_store", "store", "--eps", "10", "--queries", "8", "--prompt", "red",
    "--prompt", "blue", "--releases_per_prompt", "4", "--images_per_release", "4",
)  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from its source and installed into a folder, without the network."""
    source, target = tmp_path_factory.mktemp("source") / "outside", tmp_path_factory.mktemp("installed")
    shutil.copytree(OUTSIDE, source)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile", "--target", target]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, source], check=True, capture_output=True)
    return target


@pytest.fixture
def outside(installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A working directory in which the package can be imported, with images of many colours in its reader's format."""
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    registry._entries.cache_clear()
    draws = np.random.default_rng(0)
    colours = draws.integers(0, 256, (120, 1, 1, 3)) + draws.integers(-9, 10, (120, 16, 16, 3))
    images, labels = colours.clip(0, 255).astype(np.uint8), np.arange(120)[:, None] % 3
    np.savez("x.npz", train_images=images, train_labels=labels, test_images=images[:40], test_labels=labels[:40])
    Path("outside.yaml").write_text(yaml.safe_dump(CONFIG))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "outside"]:
        del sys.modules[name]
    monkeypatch.undo()
    registry._entries.cache_clear()


def index(reader: str = "medmnist") -> int:
    return main(["index", "--source", reader, "--source.path", "x.npz", "--encoder", "colours", "--out", "store"])


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("kind", PLUGINS)
def test_each_is_found_by_name_like_a_built_in_one(kind):
    name, attribute = PLUGINS[kind]
    module = importlib.import_module(f"outside.{name}")
    assert name in registry.names(kind)
    assert find(kind, name) is vars(module)[attribute] is find(kind, f"outside.{name}.{attribute}")
    assert class_path(kind, name) == f"outside.{name}.{attribute}"
    assert registry.broken(kind) == {}
    with pytest.raises(UnknownPlugin, match=rf"Known: .*\b{name}\b.* Did you mean '{name}'\?"):
        find(kind, f"{name}s")


@pytest.mark.usefixtures("outside")
def test_a_whole_run_of_them_is_certified_verified_and_measured(capsys):
    assert index() == 0
    assert main(PREDICT) == 0
    (run,) = runs()
    certificate = json.loads((run / "certificate.json").read_text())
    assert certificate["status"] == "private" and certificate["epsilon"] <= 10
    assert (certificate["mechanism"]["name"], certificate["retriever"]["name"]) == ("laplace", "signs")
    with Image.open(min((run / "images").rglob("*.png"))) as image:
        assert image.size == (16, 16) and image.mode == "RGB"
    capsys.readouterr()
    assert main(["verify", str(run), "--store", "store"]) == 0
    assert "The cost is that of Laplace" in capsys.readouterr().out

    measured = [
        "--real",
        "medmnist",
        "--real.path",
        "x.npz",
        "--features",
        "pixels",
        "--metrics",
        "vendi,fid,clip_score",
    ]
    assert main(["test", str(run), *measured, "--resamples", "2"]) == 0
    table = Path("runs/test/table.md").read_text()
    assert re.search(r"\| Vendi score .*\| FID", table) and "4 x 4 pixels" in table
    assert "encoder mean colours" in table
    assert main(["report", "--runs", str(run), "--results", "runs/test", "--out", "report"]) == 0
    assert "Vendi score" in Path("report/report.html").read_text()


@pytest.mark.usefixtures("outside")
def test_a_sweep_draws_the_metric(capsys):
    sweep = {
        "curves": [{"axis": "eps", "values": [1, 100], "lines": {"laplace": {"mechanism": "laplace"}}}],
        "stand_in": {"class_path": "medmnist", "init_args": {"path": "x.npz"}},
        "encoder": "colours",
        "predict": "outside.yaml",
        "prompts": ["red", "blue"],
        "images_per_prompt": 4,
        "measure": {
            "real": {"class_path": "medmnist", "init_args": {"path": "x.npz"}},
            "features": "pixels",
            "metrics": ["vendi"],
        },
    }
    Path("sweep.yaml").write_text(yaml.safe_dump(sweep))
    assert main(["sweep", "--config", "sweep.yaml", "--out", "swept"]) == 0
    results = json.loads(Path("swept/results.json").read_text())
    assert [picture["file"] for picture in results["pictures"]] == ["vendi_by_eps.png"]
    assert results["pictures"][0]["alt"].startswith("Vendi score against epsilon. laplace: ")


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("predict", "--mechanism", "laplase"), "laplace"),
        (("predict", "--retriever", "sign"), "signs"),
        (("predict", "--denoiser", "shrinkages"), "shrinkage"),
        (("index", "--source", "medmnst", "--out", "store", "--encoder", "demo"), "medmnist"),
        (
            ("index", "--source", "medmnist", "--source.path", "x.npz", "--out", "store", "--encoder", "colors"),
            "colours",
        ),
        (("test", "runs", "--features", "pixel"), "pixels"),
        (("test", ".", "--real_folder", ".", "--metrics", "vendy"), "vendi"),
    ],
)
def test_a_misspelt_name_gets_the_nearest(arguments, nearest, capsys):
    assert f"Did you mean '{nearest}'?" in refusal(capsys, arguments)


def test_through_python(outside):
    images = create("reader", "medmnist", path=outside / "x.npz")
    store = dprdm.index(images, encoder="colours", out="store", shows_progress=False)
    mechanism, retriever = create("mechanism", "laplace", k=5, sampling_rate=0.3), create("retriever", "signs")
    plan = dprdm.plan(store, mechanism, epsilon=10, delta=1e-5, num_queries=8, retriever=retriever)
    release = dprdm.release(store, ["red", "blue"], plan, encoder=create("encoder", "colours"))
    red, blue = dprdm.render(release, "swatches")
    assert red.size == blue.size == (16, 16)
    release.save("run")
    assert dprdm.verify("run").certificate.mechanism["name"] == "laplace"
    assert len(dprdm.render(release, "outside.yaml")) == 2


@pytest.mark.usefixtures("outside")
def test_a_file_that_no_package_declares_works_by_its_full_path(capsys):
    Path("quiet.py").write_text((OUTSIDE / "outside/laplace.py").read_text().replace('"laplace"', '"quiet"'))
    assert main(["plan", "--mechanism", "quiet.Laplace", "--queries", "8", "--eps", "5", "--delta", "1e-5"]) == 0
    assert "epsilon" in capsys.readouterr().out
    assert index("outside.medmnist.MedMnist") == 0


def test_from_a_folder_of_its_own_in_a_process_of_its_own(installed, tmp_path):
    """The command finds the package as Python does, and its contract tests find its plugins."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "dprdm", "predict", "--mechanism", "laplase"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Did you mean 'laplace'?" in done.stderr and "Traceback" not in done.stderr
    chosen = " or ".join(f"[{name}]" for name, _ in PLUGINS.values()).replace("[", "").replace("]", "")
    contracts = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts", "-k", chosen]
    done = subprocess.run(contracts, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 20 and "skipped" not in done.stdout, done.stdout
