import json

import pytest

from dprdm.cli import main
from dprdm.files import hash_file
from dprdm.guarantee.certificate import Evidence, certify, ledger_entry, write_certificate
from dprdm.guarantee.plan import make_plan
from dprdm.guarantee.release import answer
from dprdm.guarantee.request import list_requests
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import create_ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.workflows.post_processing import PostProcessing
from tests.fakes import private_store, unit_rows

BUDGET = Budget(2.0, 1e-6)


@pytest.fixture
def run(tmp_path):
    """A run's folder, its store beside it."""
    store = private_store(tmp_path / "store", unit_rows(100, 8))
    ledger = create_ledger(store.ledger_path, store.fingerprint, BUDGET)
    plan, noise = make_plan(Gaussian(k=5, sampling_rate=0.1), Exact(), BUDGET, 4), SecureNoise()
    requests = list_requests(["bag"], 4)
    answers = answer(requests, lambda prompts: unit_rows(len(prompts), 8, seed=1), store, plan, ledger, noise)
    folder = tmp_path / "run"
    folder.mkdir()
    conditions = folder / "conditions.safetensors"
    PostProcessing().apply(answers).save(conditions)
    evidence = Evidence(
        num_queries=4,
        store_fingerprint=store.fingerprint,
        unit_is_person=store.unit_is_person,
        ledger=ledger_entry(ledger),
        rng=noise.source,
        conditions_sha256=hash_file(conditions),
    )
    write_certificate(certify(plan, evidence), folder)
    return folder


def _edit(run, **changes):
    path = run / "certificate.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_holds(run, capsys):
    assert main(["verify", str(run), "--store", str(run.parent / "store")]) == 0
    printed = capsys.readouterr().out
    assert "private: epsilon 1.99" in printed or "private: epsilon 2 at" in printed
    assert "The conditions are the ones certified." in printed
    assert "its chain is unbroken" in printed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epsilon": 1.0}, "its event costs"),
        ({"num_queries": 3}, "not that of the certified mechanism"),
        ({"noise_std": 9.0}, "not that of the certified mechanism"),
        ({"sensitivity": 0.1}, "not that of the certified mechanism"),
        ({"event": {"event": "none"}}, "not that of the certified mechanism"),
        ({"conditions_sha256": "0" * 64}, "not the file that was certified"),
        ({"status": "reads no private record"}, "not that of the certified mechanism"),
        ({"store_fingerprint": "other"}, "not the store that was certified"),
        ({"ledger": {"row": 3, "hash": "0" * 64}}, "not the one that was certified"),
    ],
)
def test_what_was_changed_is_named(run, capsys, changes, sentence):
    _edit(run, **changes)
    assert main(["verify", str(run), "--store", str(run.parent / "store")]) == 2
    assert sentence in capsys.readouterr().err


def test_conditions_of_another_run(run, capsys):
    (run / "conditions.safetensors").write_bytes(b"other")
    assert main(["verify", str(run)]) == 2
    assert "not the file that was certified" in capsys.readouterr().err


def test_no_certificate(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert "there is none" in capsys.readouterr().err


def test_a_mechanism_that_is_not_installed(run, capsys):
    _edit(run, mechanism={"name": "theirs", "class": "theirs.Theirs", "fields": {}})
    assert main(["verify", str(run)]) == 0
    assert "theirs is not installed" in capsys.readouterr().out
