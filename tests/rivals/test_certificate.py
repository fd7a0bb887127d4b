"""Certificates of privately trained weights."""

import pytest

from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import create_ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.rivals.certificate import certify_training
from dprdm.rivals.plan import DpSgd, plan_training


@pytest.mark.parametrize(
    ("unit_is_person", "unit"), [(False, "one record"), (True, "one person holding at most 1 record")]
)
def test_the_unit_is_that_of_the_store(tmp_path, unit_is_person, unit):
    budget = Budget(5.0, 1e-6)
    ledger = create_ledger(tmp_path / "ledger.sqlite", "store-a", budget)
    plan = plan_training(DpSgd(1.0, 0.01, 10, 8), budget)
    assert certify_training(plan, "store-a", SecureNoise(), ledger, False, unit_is_person).unit == unit
