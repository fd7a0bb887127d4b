import json

import pytest

from dprdm.audit import mutants as module
from dprdm.audit.mutants import Mutant
from dprdm.cli import main
from dprdm.guarantee.sampled_mean import SampledMeanMechanism

QUICK = ("audit", "--trials", "200", "--sampling_rate", "1")


def test_says_what_is_claimed_and_what_shows(capsys):
    assert main(QUICK) == 0
    printed = capsys.readouterr().out
    assert "Claimed of one query: epsilon" in printed
    assert "at delta 1e-05; Gaussian(k=4, sampling_rate=1.0, clip_norm=1.0), noise_std" in printed
    assert "shows no more than is claimed" in printed
    assert "Confidence 0.99" in printed


def test_json(capsys):
    assert main([*QUICK, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["claimed_epsilon"] <= 2
    assert (report["delta"], report["trials"], report["violated"]) == (1e-5, 200, False)
    assert [set(finding) for finding in report["findings"]] == [{"delta", "claimed", "shown"}] * 4


def test_a_violation_ends_with_1(capsys, monkeypatch):
    monkeypatch.setattr(SampledMeanMechanism, "sensitivity", lambda self, max_per_unit=1: 0.2 / self.k)
    assert main(QUICK) == 1
    assert "VIOLATED" in capsys.readouterr().out


def _few(monkeypatch, *names):
    every = module.mutants
    monkeypatch.setattr(
        "dprdm.workflows.audit_mechanism.mutants", lambda *parts: [one for one in every(*parts) if one.name in names]
    )
    monkeypatch.setattr("dprdm.workflows.audit_mechanism.one_release_mutants", lambda *parts: [])


def test_mutants_are_caught(capsys, monkeypatch):
    _few(monkeypatch, "private rows read without a ledger", "missing neighbours filled by id -1")
    assert main(["audit", "--mutants", "--trials", "400"]) == 0
    printed = capsys.readouterr().out
    assert "guard: UserError: Expected the ledger of the private store" in printed
    assert "audit: epsilon" in printed
    assert "2 of 2 caught" in printed


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_one_that_escapes_ends_with_1(capsys, monkeypatch, form):
    escapes = Mutant("open door", 5, None, None, lambda folder: "")
    monkeypatch.setattr("dprdm.workflows.audit_mechanism.mutants", lambda *parts: [escapes])
    monkeypatch.setattr("dprdm.workflows.audit_mechanism.one_release_mutants", lambda *parts: [])
    assert main(["audit", "--mutants", *form]) == 1
    printed = capsys.readouterr().out
    assert ("NOT CAUGHT" in printed) if not form else (json.loads(printed)["escaped"] == ["open door"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mechanism", "gausian"], "Did you mean 'gaussian'?"),
        (["--mechanism", "nonprivate"], "nothing to audit"),
        (["--retriever", "public"], "reads a public store"),
        (["--retriever", "faiss_ivf"], "faiss_ivf needs quantizer"),
        (["--confidence", "1"], "confidence=1"),
        (["--trials", "3"], "trials=3"),
        (["--k", "0"], "k=0"),
    ],
)
def test_refusals(capsys, arguments, sentence):
    assert main(["audit", *arguments]) == 2
    assert sentence in capsys.readouterr().err
