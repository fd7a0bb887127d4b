import dataclasses

import numpy as np
import pytest

from dprdm.errors import UserError
from dprdm.files import hash_file
from dprdm.guarantee.certificate import (
    Evidence,
    certify,
    hash_sources,
    ledger_entry,
    read_certificate,
    recompute,
    write_certificate,
)
from dprdm.guarantee.plan import make_plan
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.mechanisms.nonprivate import NonPrivate
from dprdm.plugins.retrievers.exact import Exact
from dprdm.plugins.retrievers.public import Public
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import create_ledger
from dprdm.privacy.noise import SecureNoise

BUDGET = Budget(2.0, 1e-6)
PLAN = make_plan(Gaussian(k=20, sampling_rate=0.01), Exact(), BUDGET, 100)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "conditions.safetensors").write_bytes(b"vectors")
    return tmp_path


def _certify(run, plan=PLAN, noise=None, unit_is_person=False):
    ledger = None
    if plan.retriever.reads_private:
        ledger = create_ledger(run / "ledger.sqlite", "store-a", Budget(5.0, 1e-6))
        ledger.charge(plan, 100, "")
    evidence = Evidence(
        num_queries=100,
        store_fingerprint="store-a",
        unit_is_person=unit_is_person,
        ledger=ledger_entry(ledger),
        rng=(noise or SecureNoise()).source,
        conditions_sha256=hash_file(run / "conditions.safetensors"),
    )
    return certify(plan, evidence)


def test_written_read_and_recomputed(run):
    certificate = _certify(run)
    write_certificate(certificate, run)
    assert read_certificate(run) == certificate
    assert recompute(certificate).epsilon == certificate.epsilon == PLAN.epsilons().epsilon


def test_says_all_that_was_promised(run):
    content = dataclasses.asdict(_certify(run))
    assert (content["unit"], content["relation"]) == ("one record", "add or remove one unit")
    assert content["noise_multiplier"] == content["noise_std"] / content["sensitivity"]
    assert content["mechanism"]["fields"] == {"k": 20, "sampling_rate": 0.01, "clip_norm": 1.0}
    assert content["accountants"]["rdp"] > content["accountants"]["pld"] == content["epsilon"]
    assert content["accountants"]["charged"] == "pld"
    assert content["accountants"]["library"].startswith("dp-accounting ")
    assert (content["store_fingerprint"], content["ledger"]["row"], content["rng"]) == ("store-a", 3, "os.urandom")
    assert content["conditions_sha256"] == hash_file(run / "conditions.safetensors")
    assert hash_sources()[:16] in content["code_version"]


def test_in_plain_words(run):
    write_certificate(_certify(run, dataclasses.replace(PLAN, delta_is_default=True)), run)
    words = (run / "certificate.md").read_text()
    assert words.startswith("# Private: epsilon 2 at delta 1e-06")
    for part in ("one record", "## Covered", "## Not covered", "prompts", "metrics", "How long", "thereby public"):
        assert part in words


def test_delta_set_by_hand_leaves_the_row_count_alone(run):
    write_certificate(_certify(run), run)
    assert "thereby public" not in (run / "certificate.md").read_text()


def test_persons_are_named_as_the_unit(run):
    plan = dataclasses.replace(PLAN, max_per_unit=3, noise_std=PLAN.noise_std * 3)
    assert _certify(run, plan, unit_is_person=True).unit == "one person holding at most 3 records"


def test_hazard_18_a_person_of_one_record_is_still_a_person(run):
    certificate = _certify(run, unit_is_person=True)
    assert (certificate.unit, certificate.max_per_unit) == ("one person holding at most 1 record", 1)
    write_certificate(certificate, run)
    assert "Whether one person holding at most 1 record is in the collection" in (run / "certificate.md").read_text()


def test_a_record_of_several_records_is_no_unit(run):
    with pytest.raises(UserError, match="Expected max_per_unit=1 where the unit of privacy is a record, got 3"):
        _certify(run, dataclasses.replace(PLAN, max_per_unit=3, noise_std=PLAN.noise_std * 3))


def test_a_baseline_is_marked_loudly(run):
    certificate = _certify(run, make_plan(NonPrivate(), Exact(), BUDGET, 100))
    write_certificate(certificate, run)
    words = (run / "certificate.md").read_text()
    assert words.startswith("# NON-PRIVATE")
    assert "Covered" not in words
    assert (certificate.status, certificate.epsilon) == ("NON-PRIVATE", None)
    assert recompute(read_certificate(run)).epsilon == np.inf


def test_public_retrieval_costs_nothing(run):
    certificate = _certify(run, dataclasses.replace(PLAN, retriever=Public()))
    write_certificate(certificate, run)
    assert (run / "certificate.md").read_text().startswith("# Epsilon 0: read no private record")
    assert (certificate.epsilon, certificate.ledger, recompute(certificate).epsilon) == (0, None, 0)


def test_injected_coins_are_named(run):
    assert "tests only" in _certify(run, noise=SecureNoise(lambda size: bytes(size))).rng


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"epsilon": 1}'])
def test_a_damaged_certificate_is_refused(run, content):
    (run / "certificate.json").write_text(content)
    with pytest.raises(UserError, match="damaged"):
        read_certificate(run)
