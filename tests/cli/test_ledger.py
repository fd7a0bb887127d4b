import json

import pytest

from dprdm.cli import main
from dprdm.cli.ledger import ledger
from dprdm.guarantee.plan import make_plan
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.mechanisms.nonprivate import NonPrivate
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger
from tests.fakes import private_store, unit_rows

PLAN = make_plan(Gaussian(k=5, sampling_rate=1.0), Exact(), Budget(1.0, 1e-6), 10)


@pytest.fixture
def store(tmp_path):
    return private_store(tmp_path / "store", unit_rows(100, 8))


@pytest.fixture
def charged(store, capsys):
    ledger("cap", store.path, eps=2.0, delta=1e-6)
    records = Ledger(store.ledger_path, store.fingerprint)
    records.charge(PLAN, 10, "", account="anna")
    records.charge(make_plan(NonPrivate(), Exact(), Budget(1.0, 1e-6), 3), 3, "")
    capsys.readouterr()
    return records


def test_show(charged, store, capsys):
    assert main(["ledger", "show", str(store.path)]) == 0
    printed = capsys.readouterr().out
    for part in (
        "cap of the store: epsilon 2",
        "10 queries, gaussian",
        "account anna",
        "Spent: epsilon ",
        "Left: 1",
    ):
        assert part in printed
    assert "3 queries, nonprivate, noise_std 0, account default  NON-PRIVATE" in printed


def test_show_as_json(charged, store, capsys):
    ledger("show", store.path, json=True)
    summary = json.loads(capsys.readouterr().out)
    assert summary["epsilon"] == pytest.approx(1, rel=1e-3)
    assert summary["cap"] == {"epsilon": 2.0, "delta": 1e-6}
    assert summary["rows"] == 4


def test_verify(charged, store, capsys):
    assert main(["ledger", "verify", str(store.path)]) == 0
    assert charged.rows()[-1].hash in capsys.readouterr().out


def test_the_first_cap_takes_delta_from_the_records(store, capsys):
    assert main(["ledger", "cap", str(store.path), "--eps", "3"]) == 0
    assert Ledger(store.ledger_path, store.fingerprint).cap() == Budget(3.0, 1 / 100)


def test_raising_a_cap_keeps_delta(charged, store):
    assert main(["ledger", "cap", str(store.path), "--eps", "4"]) == 0
    assert charged.cap() == Budget(4.0, 1e-6)


def test_a_sub_budget(charged, store, capsys):
    assert main(["ledger", "cap", str(store.path), "--eps", "1.5", "--account", "anna"]) == 0
    assert charged.cap("anna") == Budget(1.5, 1e-6)
    ledger("show", store.path, account="anna")
    assert "Cap: epsilon 1.5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "--eps", "1"], "with `ledger cap` only"),
        (["verify", "--account", "anna"], "Expected no --account with `ledger verify`"),
        (["cap"], "Expected --eps"),
        (["cap", "--eps", "0.5"], "at least what is spent"),
    ],
)
def test_refusals(charged, store, capsys, arguments, sentence):
    assert main(["ledger", arguments[0], str(store.path), *arguments[1:]]) == 2
    assert sentence in capsys.readouterr().err


def test_no_store_and_no_ledger(store, tmp_path, capsys):
    assert main(["ledger", "show", str(tmp_path / "nowhere")]) == 2
    assert main(["ledger", "show", str(store.path)]) == 2
    assert "there is none" in capsys.readouterr().err
    assert main(["ledger", "cap", str(store.path), "--eps", "1", "--account", "anna"]) == 2
    assert "for the whole store" in capsys.readouterr().err
