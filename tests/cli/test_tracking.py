"""All that went out of a real `fit` and a real `predict`, read back from what W&B would send: nothing of it is private."""

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch.loggers import Logger

from dprdm.cli import main
from dprdm.retrieval.store import PrivateStore
from dprdm.runs.tracking import public_config
from tests.cli.front_door import predict
from tests.conftest import NUM_PRIVATE
from tests.workflows.test_fit import FOLDER, SMALL

pytestmark = pytest.mark.filterwarnings("ignore:.*There is a wandb run already in progress")
BLOCK, HEADER = 32_768, 7  # of the log in which W&B keeps what it will send: LevelDB's format


class Recorder(Logger):
    """A logger that keeps whatever it is given."""

    everything: list[str] = []  # noqa: RUF012 - one list, so that the test finds it

    @property
    def name(self) -> str:
        return "recorder"

    @property
    def version(self) -> int:
        return 0

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.everything.append(repr((metrics, step)))

    def log_hyperparams(self, params: Any, *more: Any, **named: Any) -> None:
        self.everything.append(repr((params, more, named)))


def outgoing(folder: Path) -> str:
    """Everything that the one offline run in `folder` would send: its records, and the files beside them."""
    (log,) = folder.glob("wandb/offline-run-*/*.wandb")
    _await_writer(log)
    files = [path for path in (log.parent / "files").rglob("*") if path.suffix in {".json", ".yaml", ".txt", ".md"}]
    return (_records(log.read_bytes()) + b"".join(path.read_bytes() for path in files)).decode("utf-8", "replace")


def _await_writer(log: Path) -> None:
    """W&B's own process writes a moment longer than `wandb.finish` takes."""
    size, deadline = -1, time.monotonic() + 30
    while size < 1000 or size != log.stat().st_size:
        assert time.monotonic() < deadline
        size = log.stat().st_size
        time.sleep(0.5)


def _records(log: bytes) -> bytes:
    parts, at = [], HEADER
    while at + HEADER <= len(log):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        size = int.from_bytes(log[at + 4 : at + 6], "little")
        parts.append(log[at + HEADER : at + HEADER + size])
        at += HEADER + size
    return b"".join(parts)


def require_nothing_private(text: str, store: PrivateStore, *paths: str) -> None:
    for word in (*paths, *(path.name for path in Path(paths[0]).rglob("*.png"))):
        assert word not in text, word
    for row in store.vectors(np.arange(len(store))):
        for value in row[:4].tolist():
            assert abs(value) < 1e-3 or repr(value)[:9] not in text
    assert not re.search(rf"(?<![\w.+/]){NUM_PRIVATE}(?![\w.+/])", text)  # as a number, not within a random name


@pytest.fixture
def ward(workplace: Path) -> PrivateStore:
    """A private store whose very path is private."""
    Path("store").rename("secret-ward")
    return PrivateStore(Path("secret-ward"))


def test_predict_sends_images_and_public_numbers(ward: PrivateStore, private_images: Path) -> None:
    source = ("--private.class_path", "dprdm.data.readers.folder.ImageFolder", "--private.folder", str(private_images))
    asked = ("--private_store", "secret-ward", *source, "--delta", "1e-5", "--name", "x", "--wandb")
    assert predict(*asked) == 0
    text = outgoing(Path("runs/x"))
    for word in (
        "budget/run",
        "budget/cap",
        "budget/spent",
        "budget/left",
        "grid",
        "run_table",
        "certificate-x",
        "sandal",
    ):
        assert word in text, word
    text += Path("runs/x/certificate.json").read_text() + Path("runs/x/certificate.md").read_text()  # the artifact
    require_nothing_private(text, ward, str(private_images), "secret-ward")
    for leak in ("secret-ward", str(ward.vectors(np.array([7]))[0, :4].tolist()), f"n={NUM_PRIVATE}"):  # the control
        with pytest.raises(AssertionError):
            require_nothing_private(text + leak, ward, str(private_images), "secret-ward")


def test_fit_sends_losses_rates_and_pictures(
    public_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(
        "private_store: secret-ward\n"
        "private: {class_path: dprdm.data.readers.folder.ImageFolder, init_args: {folder: /secret/scans}}\n"
        "trainer:\n"
        "  logger:\n"
        "    - tests.cli.test_tracking.Recorder\n"
        "    - {class_path: TensorBoardLogger, init_args: {save_dir: board}}\n"
        "  callbacks:\n"
        "    - {class_path: dprdm.training.callbacks.Export, init_args: {path: runs/demo/generator.safetensors}}\n"
        "    - {class_path: dprdm.workflows.samples.SampleGrids, init_args: {prompts: [bag, coat], images: 2}}\n"
    )
    images = ("--data.init_args.source.init_args.folder", str(public_images), "--model.init_args.steps", "2")
    often = ("--trainer.val_check_interval", "3", "--trainer.check_val_every_n_epoch", "1", "--wandb")
    command = ["fit", "--config", "demo.yaml", "--config", "mine.yaml", *FOLDER, *images, *SMALL, *often]
    Recorder.everything.clear()
    assert main(command) == 0
    text = outgoing(Path("runs"))
    for word in ("train/loss", "val/loss", "lr", "samples", "generator", "max_steps"):
        assert word in text, word
    text += "".join(Recorder.everything)
    assert any("train/loss" in entry for entry in Recorder.everything)
    assert not [word for word in ("secret", "scans", "ward", "private_store") if word in text]
    (table,) = Path("runs/logs").rglob("metrics.csv")  # always, whatever else is asked for
    assert table.read_text().splitlines()[0] == "epoch,lr,step,train/loss,val/loss"
    assert list(Path("board").rglob("events.out.tfevents*"))
    assert [path.name for path in Path().rglob("samples/*.png")] == ["step-000003.png"]


def test_the_config_that_goes_out_says_nothing_of_private_images() -> None:
    config = {"private": {"class_path": "x"}, "private_store": "secret", "private_weight": 0.5, "eps": 10}
    assert public_config(config) == {"private_weight": 0.5, "eps": 10}
