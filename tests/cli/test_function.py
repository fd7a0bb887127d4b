"""What functions of the command line have in common."""

import sys

from dprdm.cli.function import repeated_by


def test_results_name_the_command_that_repeats_them(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["main.py", "sweep", "--config", "a b.yaml"])
    assert repeated_by("sweep") == "python main.py sweep --config 'a b.yaml'"
    monkeypatch.setattr(sys, "argv", ["pytest", "tests"])
    assert repeated_by("sweep") == "python main.py sweep"
