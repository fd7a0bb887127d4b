"""Two processes on one job, for real: started by Lightning, or as SLURM starts them; one killed; resumed; refused."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dprdm.cli import main
from dprdm.privacy.ledger import Ledger
from dprdm.retrieval.store import PrivateStore
from tests.cli.front_door import SMALL
from tests.workflows.test_fit import FOLDER

ROOT = Path(__file__).parents[2]
TWO = ("--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.accelerator", "cpu")
REQUEST = ("predict", "--eps", "10", *SMALL, "--images_per_release", "12", "--render_batch", "2")
NUM_IMAGES = 72


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that a test starts; none outlives it."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        with process:  # closes its pipes
            process.kill()


def start(arguments: tuple[str, ...], **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "main.py"), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


def start_as_slurm(arguments: tuple[str, ...]) -> list[subprocess.Popen[str]]:
    """What `srun --ntasks-per-node=2` starts: all processes at once, each told its place."""
    job = {
        "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1", "SLURM_NODEID": "0",
        "SLURM_NODELIST": "localhost", "SLURM_JOB_NAME": "test", "SLURM_JOB_ID": str(os.getpid()),
        "MASTER_ADDR": "127.0.0.1",
    }  # fmt: skip
    return [start(arguments, **job, SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank)) for rank in range(2)]


def images(name: str) -> dict[str, bytes]:
    run = Path("runs") / name
    return {str(path.relative_to(run)): path.read_bytes() for path in run.glob("images/*/*.png")}


def kill_the_child_in_the_middle(process: subprocess.Popen[str]) -> None:
    while len(images("two")) < 4:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), 9)


def charges() -> list[int]:
    store = PrivateStore(Path("store"))
    rows = Ledger(store.ledger_path, store.fingerprint).rows()
    return [row.body["num_queries"] for row in rows if row.kind == "charge"]


@pytest.mark.usefixtures("workplace")
def test_two_processes_killed_and_resumed_draw_what_one_does_and_pay_once(started: list[subprocess.Popen[str]]) -> None:
    started.append(start((*REQUEST, "--name", "two", *TWO)))
    kill_the_child_in_the_middle(started[0])
    assert started[0].wait(60) != 0
    assert 0 < len(kept := images("two")) < NUM_IMAGES

    started += start_as_slurm((*REQUEST, "--name", "two", *TWO))
    (out, _), _ = (process.communicate(timeout=120) for process in started[1:])
    assert [process.returncode for process in started[1:]] == [0, 0]
    assert "0 queries released now, 6 answered from stored releases" in out
    assert f"{NUM_IMAGES} images, {NUM_IMAGES - len(kept)} of them drawn now" in out

    assert main([*REQUEST, "--name", "one"]) == 0
    assert images("two") == images("one")
    assert images("two").items() >= kept.items()
    assert charges() == [6]


@pytest.mark.usefixtures("workplace")
def test_a_refusal_is_one_sentence_of_one_process_and_none_waits(started: list[subprocess.Popen[str]]) -> None:
    assert main(["ledger", "cap", "store", "--eps", "0.1", "--delta", "1e-3"]) == 0
    started += start_as_slurm((*REQUEST, "--name", "two", *TWO))
    (_, first), (_, second) = (process.communicate(timeout=120) for process in started)
    assert [process.returncode for process in started] == [2, 2]
    assert [line for line in first.splitlines() if line.startswith("BudgetExceeded: ")] != []
    assert "Traceback" not in first + second
    assert "BudgetExceeded" not in second
    assert charges() == []
    assert not Path("runs/two").exists()


def test_two_processes_train_validate_and_export_once(
    public_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = (
        "--data.init_args.source.init_args.folder", str(public_images), "--trainer.max_steps", "3",
        "--trainer.log_every_n_steps", "1", "--trainer.val_check_interval", "3", "--trainer.check_val_every_n_epoch", "1",
    )  # fmt: skip
    started.append(start(("fit", "--config", "demo.yaml", *FOLDER, *small, *TWO)))
    _, err = started[0].communicate(timeout=120)
    assert started[0].returncode == 0, err
    assert [path.name for path in Path("runs/demo").iterdir()] == ["generator.safetensors"]
    assert len(list(Path("runs/logs").rglob("*.ckpt"))) == 1
    (table,) = Path("runs/logs").rglob("metrics.csv")
    assert len(table.read_text().splitlines()) == 1 + 3 + 1  # header, steps, validation
