"""The Python door: `import dprdm` is instant, its names work without a config file, and its certificate is the command's."""

import doctest
import json
import logging
import subprocess
import sys
from pathlib import Path

import lightning as L
import numpy as np
import pytest
from PIL import Image

import dprdm
from dprdm.cli import main
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.folder import ImageFolder
from dprdm.demo import DEMO
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import FashionDemo
from dprdm.errors import BudgetExceeded, StoreError, UserError
from dprdm.guarantee.certificate import read_certificate
from dprdm.runs.run_folder import Conditions

PLANNED = {"epsilon": 10, "delta": 1e-4, "num_queries": 40}


@pytest.fixture
def store(workplace: Path) -> dprdm.PrivateStore:
    """The private store of the fixture, opened without naming an encoder: its manifest does."""
    opened = dprdm.Store("store")
    assert isinstance(opened, dprdm.PrivateStore)
    return opened


def test_importing_takes_nothing_with_it() -> None:
    first = (
        "import sys, dprdm; dir(dprdm); assert not {'numpy', 'torch', 'lightning', 'jsonargparse'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", f"{first}; dprdm.Ledger; assert 'torch' not in sys.modules"], check=True)


def test_every_public_name_is_there_and_documented() -> None:
    assert set(dprdm.__all__) <= set(dir(dprdm))
    for name in dprdm.__all__:
        assert getattr(dprdm, name).__doc__, name
    with pytest.raises(AttributeError, match="has no attribute 'relase'"):
        dprdm.relase  # noqa: B018


def test_a_whole_run_in_fifteen_lines(private_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index, plan, release, render, save, verify, ask again for nothing."""
    monkeypatch.chdir(tmp_path)
    store = dprdm.index(private_images, encoder="demo", out="stores/mine")
    plan = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.3), epsilon=10, delta=1e-4, num_queries=40)
    release = dprdm.release(store, ["sandal", "coat"], plan, releases_per_prompt=2)
    images = dprdm.render(release, DEMO / "generator.safetensors", images_per_release=2)
    release.save("runs/first")
    assert dprdm.verify("runs/first", store).certificate == release.certificate
    again = dprdm.release(dprdm.Store("stores/mine"), ["coat", "sandal"], plan, releases_per_prompt=2)
    assert again.receipt is not None and (again.receipt.num_charged, again.receipt.num_stored) == (0, 4)
    assert np.array_equal(again.vectors, release.vectors[[2, 3, 0, 1]])
    assert len(images) == 8 and {image.size for image in images} == {(28, 28)}
    assert dprdm.Ledger(store.ledger_path, store.fingerprint).spent().epsilon == release.certificate.epsilon


def test_the_command_and_python_share_ledger_release_and_certificate(store: dprdm.PrivateStore) -> None:
    plan = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.3), **PLANNED)
    release = dprdm.release(store, ["sandal"], plan, releases_per_prompt=3)
    images = dprdm.render(release, "demo.yaml")
    arguments = [
        "--mechanism.k",
        "5",
        "--mechanism.sampling_rate",
        "0.3",
        "--eps",
        "10",
        "--delta",
        "1e-4",
        "--queries",
        "40",
    ]
    request = ["--prompt", " sandal", "--releases_per_prompt", "3", "--name", "command", "--private_store", "store"]
    assert main(["predict", "--mechanism", "gaussian", *arguments, *request]) == 0
    certificate = json.loads(Path("runs/command/certificate.json").read_text())
    ours = json.loads(json.dumps(vars(release.certificate)))
    assert {name for name in ours if certificate[name] != ours[name]} <= {"created", "conditions_sha256"}
    conditions = Conditions.load(Path("runs/command/conditions.safetensors"))
    assert np.array_equal(conditions.released, release.vectors)
    for image, path in zip(images, sorted(Path("runs/command/images").rglob("*.png")), strict=True):
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(path)))
    assert dprdm.Release.load("runs/command").certificate == read_certificate(Path("runs/command"))


def test_predict_is_the_commands(store: dprdm.PrivateStore) -> None:
    options = dprdm.PredictOptions(
        dprdm.Gaussian(k=5, sampling_rate=0.3), dprdm.Exact(), dprdm.NoDenoiser(), eps=10, queries=40,
        private_store=store.path, prompt=["sandal"], releases_per_prompt=1, name="python",
    )  # fmt: skip
    data = NeighbourDataModule(FashionDemo("pool"), DemoEncoder(), Path("public"))
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    prepared = dprdm.predict(options, dprdm.load_generator("demo.yaml"), data, trainer)
    assert prepared is not None and prepared.release.certificate.status == "private"
    assert {path.name for path in Path("runs/python").iterdir()} == {
        "images", "grids", "grid.png", "samples.csv", "rendering.json", "conditions.safetensors", "certificate.json",
        "certificate.md",
    }  # fmt: skip


def test_one_codebook_answers_later_prompts_from_its_file(store: dprdm.PrivateStore, public_images: Path) -> None:
    public = dprdm.index(public_images, encoder="demo", out="public", kind="public")
    plan = dprdm.plan(store, dprdm.Codebook(max_cells=8), epsilon=4, delta=1e-4, public=public)
    assert plan.mechanism.partition  # type: ignore[attr-defined]
    denoised = dprdm.PostProcessing(dprdm.PublicPriorDenoiser(), spread=0.5, public=public)
    release = dprdm.release(store, ["sandal"], plan, post_processing=denoised)
    assert set(release.files) == {"conditions.safetensors", "codebook.safetensors"}
    assert not np.array_equal(release.conditions.condition, release.vectors)
    folder = release.save("runs/once")
    codebook = dprdm.load_codebook(folder / "codebook.safetensors")
    later = dprdm.release_from_codebook(codebook, ["coat", "bag"], dprdm.load_encoder("demo"))
    assert (later.certificate.epsilon, later.certificate.num_queries) == (release.certificate.epsilon, 2)
    assert len(dprdm.Ledger(store.ledger_path, store.fingerprint).rows()) == 3  # store, cap, one charge
    dprdm.verify(folder, store)


def test_errors_are_exceptions_and_cost_nothing(store: dprdm.PrivateStore, tmp_path: Path) -> None:
    plan = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.3), epsilon=1, delta=1e-4, num_queries=4)
    with pytest.raises(UserError, match="at most 4 distinct requests"):
        dprdm.release(store, list("abcde"), plan)
    assert not store.ledger_path.exists()
    dprdm.release(store, ["sandal"], plan)
    greedy = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.3), epsilon=9, delta=1e-4, num_queries=4)
    with pytest.raises(BudgetExceeded):
        dprdm.release(store, list("abcd"), greedy)
    with pytest.raises(UserError, match="Expected public images"):
        dprdm.plan(store, dprdm.Codebook(), epsilon=1, delta=1e-4)
    with pytest.raises(UserError, match="Expected public images"):
        dprdm.PostProcessing(dprdm.Joint())
    with pytest.raises(StoreError, match="Expected a finished store"):
        dprdm.Store(tmp_path / "nowhere")
    with pytest.raises(UserError, match="there is no file nowhere"):
        dprdm.render(dprdm.release(store, ["sandal"], plan), "nowhere.safetensors")
    assert len(dprdm.Ledger(store.ledger_path, store.fingerprint).rows()) == 3


def test_a_release_whose_file_was_changed_is_not_drawn(store: dprdm.PrivateStore) -> None:
    plan = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.3), **PLANNED)
    folder = dprdm.release(store, ["sandal"], plan).save("runs/first")
    file = folder / "conditions.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(UserError, match="its hash differs"):
        dprdm.Release.load(folder)


def test_a_store_opens_with_the_encoder_that_made_it_and_no_other(store: dprdm.PrivateStore) -> None:
    encoder = dprdm.load_encoder("demo")
    assert dprdm.Store("store", encoder=encoder).encoder is encoder
    encoder.identity = {**encoder.identity, "weights_sha256": "0" * 64}
    with pytest.raises(StoreError, match="differs in weights_sha256"):
        dprdm.Store("store", encoder=encoder)


def test_fit_writes_weights_that_need_no_config(public_images: Path, store: dprdm.PrivateStore) -> None:
    model = dprdm.load_generator("demo.yaml")
    data = NeighbourDataModule(
        ImageFolder(public_images), DemoEncoder(), Path("public"), k=5, image_size=28, channels=1, batch_size=8,
        serves_centres=True, serves_queries=True,
    )  # fmt: skip
    weights = dprdm.fit(model, data, "mine.safetensors", max_steps=1)
    plan = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.3), **PLANNED)
    (image,) = dprdm.render(dprdm.release(store, ["sandal"], plan), weights)
    assert image.size == (28, 28)
    with pytest.raises(UserError, match="trained on public images"):
        dprdm.fit(L.LightningModule(), data, "x.safetensors")


# What the examples in docstrings lead up to comes first.
FIRST = ("index", "plan", "release", "render")
EXEMPLIFIED = {
    *FIRST,
    "verify",
    "Store",
    "Ledger",
    "Release",
    "PostProcessing",
    "Budget",
    "Gaussian",
    "NonPrivate",
    "Request",
}


def test_examples_in_docstrings_hold(private_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("dprdm"), "handlers", [])  # the command line's print what is logged
    names = {"dprdm": dprdm, "images": private_images}
    runner, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS), set()
    for name in (*FIRST, *sorted(set(dprdm.__all__) - {*FIRST})):
        for test in doctest.DocTestFinder(recurse=False).find(getattr(dprdm, name), name, globs=names):
            test.globs = names  # what one example makes, the next may use
            assert runner.run(test, clear_globs=False).failed == 0, name
            tried |= {name} if test.examples else set()
    assert tried >= EXEMPLIFIED
