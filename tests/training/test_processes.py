"""Who is first, by the variables that torchrun, Lightning and SLURM set. What they do together: tests/cli/test_devices.py."""

import lightning as L
import pytest

from dprdm.training.processes import decide_on_first, ending_together
from dprdm.training.ranks import is_first_process


@pytest.mark.parametrize(
    ("variables", "is_first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "8", "LOCAL_RANK": "0"}, False),  # the first of the second node
        ({"LOCAL_RANK": "1"}, False),
        ({"SLURM_PROCID": "0"}, True),
        ({"SLURM_PROCID": "3"}, False),
        ({"SLURM_PROCID": "0", "LOCAL_RANK": "1"}, False),  # started by Lightning, in an interactive job
    ],
)
def test_who_is_first(variables: dict[str, str], is_first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_first_process() is is_first


def quiet_trainer() -> L.Trainer:
    return L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)


def test_one_process_decides_for_itself() -> None:
    assert decide_on_first(quiet_trainer(), lambda: 7, str) == 7


def test_what_is_raised_is_raised_on() -> None:
    with pytest.raises(ZeroDivisionError), ending_together(quiet_trainer()):
        decide_on_first(quiet_trainer(), lambda: 1 // 0, str)
