"""`fit` through the front door, on real images, at the smallest size that trains."""

import csv
import re
import shutil
import signal
from pathlib import Path

import pytest
from safetensors.torch import load_file

from dprdm.cli import main
from dprdm.demo.encoder import DemoEncoder
from dprdm.encoders.clip import ClipEncoder
from tests.cli.front_door import SMALL as PREDICT
from tests.cli.front_door import refusal

SMALL = ("--trainer.max_steps", "3", "--trainer.log_every_n_steps", "1", "--trainer.limit_val_batches", "1")
FOLDER = (
    "--data.init_args.source.class_path", "dprdm.data.readers.folder.ImageFolder", "--data.init_args.store", "public",
    "--data.init_args.k", "3", "--data.init_args.spread", "6", "--data.init_args.batch_size", "16",
    "--data.init_args.validation_size", "16",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_trains_the_generator_and_exports_what_predict_loads(
    public_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = ("--data.init_args.source.init_args.folder", str(public_images))
    assert main(["fit", "--config", "demo.yaml", *FOLDER, *images, *SMALL]) == 0
    shown = "".join(capsys.readouterr())
    assert re.search(r"images/s=\d+\.\d, left=0:00:00", shown)
    weights = Path("runs/demo/generator.safetensors")
    assert main(["validate", "--config", "demo.yaml", *FOLDER, *images, "--model.weights", str(weights)]) == 0
    assert "val/loss" in capsys.readouterr().out
    assert "null_condition" in load_file(weights)
    assert list(Path("runs/logs").rglob("metrics.csv"))
    (config,) = Path("runs/logs").rglob("config.yaml")
    text = config.read_text()
    assert "max_steps: 3" in text


@pytest.mark.usefixtures("workplace")
def test_the_saved_config_runs_again_as_it_is_and_serves_predict(public_images: Path) -> None:
    images = ("--data.init_args.source.init_args.folder", str(public_images))
    assert main(["fit", "--config", "demo.yaml", *FOLDER, *images, *SMALL]) == 0
    saved = Path("runs/logs/version_0/config.yaml")
    assert main(["fit", "--config", str(saved)]) == 0
    assert Path("runs/logs/version_1/config.yaml").read_text() == saved.read_text()
    assert losses()[:3] == losses()[3:]
    assert "FashionDemo" in saved.read_text()  # where predict finds private images, though fit opened none
    weights = ("--weights", "runs/demo/generator.safetensors")
    assert main(["predict", "--config", str(saved), *PREDICT, *weights, "--name", "x"]) == 0
    assert len(list(Path("runs/x/images").rglob("*.png"))) == 6


def losses() -> list[str]:
    """Every training loss that was logged, of all versions in order."""
    tables = [csv.DictReader(path.read_text().splitlines()) for path in sorted(Path("runs/logs").rglob("metrics.csv"))]
    return [row["train/loss"] for table in tables for row in table if row["train/loss"]]


def test_the_same_command_goes_on_after_ctrl_c(public_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = ("--data.init_args.source.init_args.folder", str(public_images))
    command = [
        "fit",
        "--config",
        "demo.yaml",
        *FOLDER,
        *images,
        *SMALL,
        "--trainer.callbacks+=tests.training.test_resuming.Losses",
    ]
    before = signal.getsignal(signal.SIGINT)
    assert main([*command, "--trainer.callbacks.interrupt_at=1"]) == 130
    signal.signal(signal.SIGINT, before)
    assert "the same command goes on" in capsys.readouterr().err
    (unfinished,) = Path("runs/unfinished").iterdir()
    assert main([*command, "--trainer.callbacks.interrupt_at=1"]) == 0
    assert str(unfinished) in capsys.readouterr().out
    assert not unfinished.exists()
    broken = losses()
    shutil.rmtree("runs")
    assert main(command) == 0
    assert broken == losses()
    assert len(broken) == 3


def test_images_without_captions_train_a_network_that_reads_no_prompt(
    private_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal names the two options, and with them the same command trains."""
    command = ["fit", "--config", "demo.yaml", *FOLDER, "--data.init_args.source.init_args.folder", str(private_images)]
    said = refusal(capsys, [*command, *SMALL])
    assert "--data.init_args.serves_queries=false" in said and "reads_query to false" in said
    without = ["--data.init_args.serves_queries=false", "--model.init_args.network.reads_query=false"]
    assert main([*command, *SMALL, *without]) == 0
    assert "query_mark" not in load_file("runs/demo/generator.safetensors")


def test_trains_an_encoder_that_loads(public_images: Path) -> None:
    sources = [
        argument
        for split in ("train", "validation")
        for argument in (
            f"--data.init_args.{split}.class_path", "dprdm.data.readers.folder.ImageFolder",
            f"--data.init_args.{split}.init_args.folder", str(public_images),
        )
    ]  # fmt: skip
    batch = ("--data.init_args.batch_size", "32")
    assert main(["fit", "--config", "demo_encoder.yaml", *sources, *batch, *SMALL]) == 0
    encoder = ClipEncoder("runs/demo_encoder/encoder.safetensors")
    assert encoder.texts(["coat"]).shape == (1, 64)
    assert encoder.identity != DemoEncoder().identity


def test_hazard_03_a_checkpoint_cannot_change_what_is_private(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing about privacy is a hyperparameter of the model, so there is nothing for a checkpoint to override."""
    assert "eps" in refusal(capsys, ["predict", "--model.init_args.eps", "10"])


def test_hazard_03_a_checkpoint_overrules_no_option(public_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LightningCLI would lay the checkpoint's hyperparameters over the command line's."""
    images = ("--data.init_args.source.init_args.folder", str(public_images))
    keep = ("--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.every_n_train_steps=3")
    command = ["fit", "--config", "demo.yaml", *FOLDER, *images, *SMALL, *keep]
    assert main([*command, "--model.init_args.max_noise_std", "0.5"]) == 0
    (checkpoint,) = Path("runs/logs").rglob("*.ckpt")
    wider = ["--model.init_args.network.widths", "[32, 64]", "--model.init_args.network.attention", "[false, true]"]
    assert "Expected a checkpoint of this model" in refusal(capsys, [*command, *wider, "--ckpt_path", str(checkpoint)])
    more = ["--trainer.max_steps", "4", "--model.init_args.max_noise_std", "0.125", "--ckpt_path", str(checkpoint)]
    assert main([*command, *more]) == 0
    hparams = max(Path("runs/logs").rglob("hparams.yaml"), key=lambda path: path.stat().st_mtime).read_text()
    assert "max_noise_std: 0.125" in hparams
    assert len(losses()) == 4


def test_predict_takes_weights_and_no_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--weights" in refusal(capsys, ["predict", "--ckpt_path", "some.ckpt"])


def test_options_of_predict_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "option of `predict`" in refusal(capsys, ["fit", "--config", "demo.yaml", "--eps", "3"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config", "demo.yaml", "--trainer.max_stepz", "3"], "max_stepz"),
        (["--config", "demo.yaml", "--data.init_args.k", "0"], "k=0"),
        (["--config", "nope.yaml"], "Known there"),
        (["--config", "demo.yaml", "--trainer.accelerator", "gpu", "--trainer.devices", "99"], "gpu"),
        (["--config", "demo.yaml", "--ckpt_path", "none.ckpt"], "Expected a checkpoint at none.ckpt"),
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
