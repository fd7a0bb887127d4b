"""The door itself: dispatch, exit codes, and what is not imported."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dprdm.cli import main
from tests.cli.front_door import SMALL, refusal

ROOT = Path(__file__).parents[2]


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "predict --mechanism gaussian --eps 10" in capsys.readouterr().out
    assert main(["--help"]) == 0


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Expected a command" in refusal(capsys, ["predikt"])


@pytest.mark.parametrize("command", ["plan --records 1000 --queries 10 --eps 1 --k 5", "ledger show nowhere"])
def test_plan_and_ledger_do_not_import_torch(command: str) -> None:
    program = f"import sys; from dprdm.cli import main; main({command.split()!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True).returncode == 0


def test_interrupting_a_rendering_ends_with_130_and_the_same_command_goes_on(workplace: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "main.py"),
        "predict",
        "--eps",
        "10",
        *SMALL,
        "--render_batch",
        "1",
        "--name",
        "x",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(Path("runs").rglob("x/images/*/*.png")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert len(list(Path("runs").rglob("x/images/*/*.png"))) < 6
    assert main(command[2:]) == 0
    assert len(list(Path("runs").rglob("x/images/*/*.png"))) == 6


def test_interrupting_ends_with_130_and_keeps_what_was_finished(private_images: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for copy in range(20):
        for path in private_images.iterdir():
            (tmp_path / "images" / f"{copy}-{path.name}").symlink_to(path)
    command = [
        sys.executable,
        str(ROOT / "main.py"),
        "index",
        "--images",
        "images",
        "--encoder",
        "demo",
        "--out",
        "store",
        "--shard_rows",
        "300",
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "store" / "00000.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert not (tmp_path / "store" / "manifest.json").exists()
    stamp = (tmp_path / "store" / "00000.vectors.npy").stat().st_mtime_ns
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    assert (tmp_path / "store" / "00000.vectors.npy").stat().st_mtime_ns == stamp
