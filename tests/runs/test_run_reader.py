"""A run is read back whole or refused."""

import pytest

from dprdm.cli import main
from dprdm.errors import UserError
from dprdm.runs.run_reader import RenderedRun

ASKED = ["predict", "--private_store", "store", "--delta", "1e-5", "--prompt", "bag", "--prompt", "dress",
         "--releases_per_prompt", "2", "--mechanism.k", "5", "--mechanism.sampling_rate", "0.5"]  # fmt: skip


def test_a_run_is_read_back(workplace):
    assert main([*ASKED, "--eps", "10", "--name", "run"]) == 0
    run = RenderedRun(workplace / "runs" / "run")
    assert run.images().shape == (4, 1, 28, 28)
    assert run.prompts == ["bag", "bag", "dress", "dress"]
    assert run.status == "private"
    asked = {"mechanism": "gaussian", "retriever": "exact", "delta": 1e-5, "queries": 4, "k": 5, "sampling_rate": 0.5}
    assert asked.items() <= run.settings.items()
    assert 0 < run.settings["epsilon"] <= 10
    assert len(run.conditions().requests) == 4
    (workplace / "runs" / "run" / run.samples[2].file).unlink()
    with pytest.raises(UserError, match="1 are missing"):
        RenderedRun(workplace / "runs" / "run")


def test_a_public_run_costs_nothing(workplace):
    assert main([*ASKED, "--eps", "10", "--name", "run", "--retriever", "public"]) == 0
    run = RenderedRun(workplace / "runs" / "run")
    assert (run.status, run.settings["epsilon"], run.settings["retriever"]) == ("public", 0.0, "public")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"Expected a run folder at .*samples\.csv"):
        RenderedRun(tmp_path)
