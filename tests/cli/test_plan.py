import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from typing import ClassVar, final

import pytest

from dprdm import registry
from dprdm.cli import main
from dprdm.cli.plan import plan
from dprdm.errors import UserError
from dprdm.guarantee.sampled_mean import SampledMeanMechanism
from dprdm.privacy.distributions import GaussianNoise, Noise
from tests.fakes import public_store, unit_rows

GIVEN = {"records": 82783, "queries": 1000, "eps": 10.0, "k": 20, "sampling_rate": 0.05}


def _json(capsys, **arguments):
    capsys.readouterr()
    plan(**arguments, json=True)
    return json.loads(capsys.readouterr().out)


def test_prints_the_noise_and_what_it_rests_on(capsys):
    assert main(["plan", "--records", "82783", "--queries", "1000", "--eps", "10", "--k", "20"]) == 0
    printed = capsys.readouterr().out
    for part in (
        "noise_std",
        "sensitivity",
        "noise_multiplier",
        "by PLD, RDP",
        "expected error",
        "add or remove one record",
    ):
        assert part in printed
    assert "Not given, so assumed: sampling_rate 0.02." in printed
    assert "number of records is treated as public" in printed


def test_golden_values_of_the_paper(capsys):
    summary = _json(capsys, delta=1e-7, queries=1000, k=18, sampling_rate=0.01, noise_std=0.2)
    assert round(summary["epsilon"], 3) == round(summary["epsilon_pld"], 3) == 0.928
    assert round(summary["epsilon_rdp"], 3) == 0.997
    assert summary["sensitivity"] == pytest.approx(2 / 18)
    assert summary["noise_multiplier"] == pytest.approx(0.2 * 18 / 2)


@pytest.mark.parametrize(
    ("unknown", "key"), [("queries", "num_queries"), ("eps", "epsilon"), ("k", "k"), ("sampling_rate", "sampling_rate")]
)
def test_the_one_left_out_is_solved_for(capsys, unknown, key):
    noise_std = _json(capsys, **GIVEN)["noise_std"]
    given = {**GIVEN, "noise_std": noise_std}
    expected = given.pop(unknown)
    assert _json(capsys, **given)[key] == pytest.approx(expected, rel=2e-3)


def test_all_given_and_too_dear_is_refused(capsys):
    with pytest.raises(UserError, match="the budget is"):
        plan(**GIVEN, noise_std=0.01)


def test_too_much_left_out_is_refused(capsys):
    assert main(["plan", "--records", "1000", "--eps", "10"]) == 2
    assert "Expected all but one" in capsys.readouterr().err


def test_delta_or_records(capsys):
    assert main(["plan", "--queries", "10", "--eps", "10"]) == 2
    assert "--records" in capsys.readouterr().err


def test_warns_of_samples_smaller_than_k(capsys):
    plan(**{**GIVEN, "records": 200})
    assert "Warning: a sample holds 10 records on average, fewer than k = 20" in capsys.readouterr().out


def test_persons(capsys):
    one, three = (_json(capsys, **GIVEN, max_per_person=number)["noise_std"] for number in (1, 3))
    assert three == pytest.approx(3 * one, rel=1e-3)


def test_a_mechanism_without_k_is_asked_for_neither(capsys):
    arguments = {"records": 1000, "mechanism": "codebook"}
    summary = _json(capsys, **arguments, eps=10.0)
    assert (summary["mechanism"], summary["k"], summary["sampling_rate"]) == ("codebook", None, None)
    assert summary["num_queries"] is None
    again = _json(capsys, **arguments, noise_std=summary["noise_std"])
    assert again["epsilon"] == pytest.approx(summary["epsilon"], rel=2e-3)
    plan(**arguments, eps=10.0)
    printed = capsys.readouterr().out
    assert "any number: one release answers them all" in printed
    assert "sampling_rate" not in printed and "expected error" not in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"mechanism": "gausian"}, "Did you mean 'gaussian'?"),
        ({"mechanism": "codebook", "k": 3}, "The mechanism codebook has no k"),
        ({"mechanism": "nonprivate"}, "there is nothing to plan"),
    ],
)
def test_what_a_mechanism_cannot_be_planned_for(arguments, sentence):
    with pytest.raises(UserError) as refused:
        plan(records=1000, eps=10.0, queries=10, **arguments)
    assert sentence in str(refused.value)


@final
@dataclass(frozen=True)
class Wide(SampledMeanMechanism):
    """A stranger's: the mean of the k nearest rows, which may be twice as long."""

    name: ClassVar[str] = "wide"
    noise: ClassVar[Noise] = GaussianNoise()

    clip_norm: float = 2.0


def test_a_strangers_mechanism_is_planned_for_by_name(capsys, monkeypatch):
    real = registry.entry_points
    stranger = EntryPoint("wide", f"{__name__}:Wide", "dprdm.mechanisms")
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda group: EntryPoints([*real(group=group), *[stranger] * (group == stranger.group)]),
    )
    registry._entries.cache_clear()
    try:
        wide, narrow = (_json(capsys, **GIVEN, mechanism=name) for name in ("wide", "gaussian"))
    finally:
        monkeypatch.undo()
        registry._entries.cache_clear()
    assert wide["noise_std"] == pytest.approx(2 * narrow["noise_std"], rel=1e-3)
    assert wide["k"] == 20


def test_answers_in_a_moment_and_without_torch():
    program = (
        "import sys; from dprdm.cli import main; code = main(sys.argv[1:]);"
        "import dprdm.cli.ledger, dprdm.cli.verify; sys.exit(code or 'torch' in sys.modules)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    run = subprocess.run(
        [sys.executable, "-c", program, *["plan", "--records", "82783", "--queries", "10000", "--eps", "10"]],
        check=False,
    )
    assert run.returncode == 0
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 4  # about 1.5 on an idle machine


def test_what_a_mechanism_decides_on_public_rows(tmp_path, capsys):
    public_store(tmp_path / "public", unit_rows(400, 8))
    arguments = {"records": 1000, "eps": 10.0, "queries": 10, "mechanism": "centered"}
    with pytest.raises(UserError, match=r"Expected --public, the store of public rows on which the mechanism centered"):
        plan(**arguments)
    summary = _json(capsys, **arguments, public=tmp_path / "public")
    assert 0 < summary["sensitivity"] <= 2 * 2.0 / summary["k"] * 1.001 and summary["epsilon"] <= 10
    with pytest.raises(UserError, match="Expected --eps and --queries with --public"):
        plan(records=1000, queries=10, noise_std=0.1, mechanism="centered", public=tmp_path / "public")
