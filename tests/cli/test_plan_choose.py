"""`plan --choose` and `plan --plot`."""

import json
from pathlib import Path

import pytest

from dprdm.cli import main
from dprdm.figures import plan_curves
from tests.cli.front_door import refusal
from tests.fakes import private_store, public_store, unit_rows

DIM = 16
ASK = ["plan", "--records", "5000", "--queries", "100", "--eps", "10"]


@pytest.fixture
def public(tmp_path: Path) -> str:
    public_store(tmp_path / "public", unit_rows(800, DIM))
    return str(tmp_path / "public")


def test_takes_the_best_setting_and_plans_for_it(public, capsys):
    assert main([*ASK, "--choose", public, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    best = summary["rehearsed"][0]
    assert (best["k"], best["sampling_rate"]) == (summary["k"], summary["sampling_rate"])
    assert best["cosine"] == max(one["cosine"] for one in summary["rehearsed"])
    assert summary["noise_std"] == pytest.approx(best["noise_std"], rel=0.02)
    assert summary["epsilon"] <= 10


def test_says_what_it_rests_on(public, capsys):
    assert main([*ASK, "--choose", public]) == 0
    printed = capsys.readouterr().out
    for part in (
        "800 public rows",
        "it costs nothing",
        "lie nearer than the rehearsed",
        "Chosen: k ",
        "in 16 dimensions",
    ):
        assert part in printed


def test_what_is_given_stays(public, capsys):
    assert main([*ASK, "--choose", public, "--k", "7", "--sampling_rate", "0.2", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert [(one["k"], one["sampling_rate"]) for one in summary["rehearsed"]] == [(7, 0.2)]


def test_private_stores_are_not_rehearsed_on(tmp_path, capsys):
    private_store(tmp_path / "private", unit_rows(50, DIM))
    assert "Expected a public store" in refusal(capsys, [*ASK, "--choose", str(tmp_path / "private")])


@pytest.mark.parametrize("more", [["--noise_std", "0.1"], ["--k", "5000"]])
def test_what_cannot_be_chosen_is_refused(public, capsys, more):
    refusal(capsys, [*ASK, "--choose", public, *more])


def test_draws(tmp_path, capsys, monkeypatch):
    for name, value in {"POINTS": 3, "RATES": 3, "PER_DECADE": 1}.items():
        monkeypatch.setattr(plan_curves, name, value)
    assert main([*ASK, "--k", "20", "--plot", str(tmp_path / "plots")]) == 0
    assert "feasible_region.png" in capsys.readouterr().out
    assert len(list((tmp_path / "plots").iterdir())) == 10
