"""The benchmarks run at their smallest; what they print says little then."""

import logging
import runpy
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_throughput_compares_both_loops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--batch", "2", "--steps", "1", "--sampling_steps", "1", "--rounds", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["throughput.py", *small])
    level = logging.getLogger("lightning.pytorch").level
    runpy.run_path(str(BENCHMARKS / "throughput.py"), run_name="__main__")
    logging.getLogger("lightning.pytorch").setLevel(level)
    lines = capsys.readouterr().out.splitlines()
    for work in ("training", "sampling"):
        (line,) = [line for line in lines if line.startswith(f"| {work}: demo")]
        assert all(float(cell) > 0 for cell in line.split("|")[2:4])
    assert list(tmp_path.glob("demo-*.json"))
