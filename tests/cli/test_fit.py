"""`fit` through the front door, on real images, at the smallest size that trains."""

from pathlib import Path

import pytest
from safetensors.torch import load_file

from dprdm.cli import main
from dprdm.encoders.clip import ClipEncoder
from tests.cli.front_door import refusal

SMALL = ("--trainer.max_steps", "3", "--trainer.log_every_n_steps", "1", "--trainer.limit_val_batches", "1")
FOLDER = (
    "--data.init_args.source.class_path", "dprdm.data.folder.ImageFolder", "--data.init_args.store", "public",
    "--data.init_args.k", "3", "--data.init_args.spread", "6", "--data.init_args.batch_size", "16",
    "--data.init_args.validation_size", "16",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_trains_the_generator_and_exports_what_predict_loads(private_images: Path) -> None:
    images = ("--data.init_args.source.init_args.folder", str(private_images))
    assert main(["fit", "--config", "demo.yaml", *FOLDER, *images, *SMALL]) == 0
    weights = Path("runs/demo/generator.safetensors")
    assert "null_condition" in load_file(weights)
    assert list(Path("runs/logs").rglob("metrics.csv"))
    (config,) = Path("runs/logs").rglob("config.yaml")
    text = config.read_text()
    assert "max_steps: 3" in text


def test_tracks_offline_with_wandb_when_asked(private_images: Path) -> None:
    images = ("--data.init_args.source.init_args.folder", str(private_images))
    assert main(["fit", "--config", "demo.yaml", *FOLDER, *images, *SMALL, "--wandb"]) == 0
    assert list(Path("runs/wandb").glob("offline-run-*"))


def test_trains_an_encoder_that_loads(private_images: Path) -> None:
    sources = [
        argument
        for split in ("train", "validation")
        for argument in (
            f"--data.init_args.{split}.class_path", "dprdm.data.folder.ImageFolder",
            f"--data.init_args.{split}.init_args.folder", str(private_images),
        )
    ]  # fmt: skip
    batch = ("--data.init_args.batch_size", "32")
    assert main(["fit", "--config", "demo_encoder.yaml", *sources, *batch, *SMALL]) == 0
    encoder = ClipEncoder(pretrained="runs/demo_encoder/encoder.safetensors")
    assert encoder.texts(["coat"]).shape == (1, 64)
    assert encoder.identity != ClipEncoder().identity


def test_hazard_03_a_checkpoint_cannot_change_what_is_private(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing about privacy is a hyperparameter of the model, so there is nothing for a checkpoint to override."""
    assert "eps" in refusal(capsys, ["predict", "--model.init_args.eps", "10"])


def test_options_of_predict_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "option of `predict`" in refusal(capsys, ["fit", "--config", "demo.yaml", "--eps", "3"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config", "demo.yaml", "--trainer.max_stepz", "3"], "max_stepz"),
        (["--config", "demo.yaml", "--data.init_args.k", "0"], "k=0"),
        (["--config", "nope.yaml"], "Known there"),
        (
            ["--config", "demo.yaml", "--model.init_args.weights", "none.safetensors"],
            "Expected weights at none.safetensors",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refusal(capsys, ["fit", *arguments])
