import json
import resource
import subprocess
import sys

import pytest

from dprdm.cli import main
from dprdm.cli.plan import plan
from dprdm.errors import UserError

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
