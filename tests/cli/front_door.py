"""How the tests of the command line ask: small requests to the real program."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dprdm.cli import main

SMALL = (
    "--private_store", "store", "--mechanism.k", "5", "--mechanism.sampling_rate", "0.3", "--queries", "40",
    "--prompt", "sandal", "--prompt", "coat", "--releases_per_prompt", "3", "--model.steps", "2",
)  # fmt: skip


def predict(*more: str, mechanism: str = "gaussian", eps: str = "10") -> int:
    """`predict` on the store of the fixture `workplace`, two prompts of three releases each."""
    return main(["predict", "--mechanism", mechanism, "--eps", eps, *SMALL, *more])


def refusal(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> str:
    """The one sentence with which `arguments` are refused. Fails if they are not, or with more than that."""
    capsys.readouterr()
    code = main(arguments)
    lines = [
        line for line in capsys.readouterr().err.splitlines() if line.strip() and "|" not in line
    ]  # no progress bars
    assert code == 2, f"{arguments} ended with {code}"
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


def runs() -> list[Path]:
    """The run folders there are."""
    return sorted(path for path in Path("runs").glob("*") if path.is_dir())
