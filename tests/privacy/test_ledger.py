import random
import sqlite3
from contextlib import closing, suppress

import jaxtyping
import pytest

from dprdm.errors import BudgetExceeded, LedgerError, UserError
from dprdm.guarantee.plan import Plan, make_plan
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.mechanisms.nonprivate import NonPrivate
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy import ledger as ledger_module
from dprdm.privacy import spending
from dprdm.privacy.budget import Budget
from dprdm.privacy.chain import Chain
from dprdm.privacy.ledger import Ledger, create_ledger, ledger_exists
from dprdm.privacy.renyi import epsilon_rdp

CAP = Budget(2.0, 1e-6)
# Without sampling, so that composing takes milliseconds.
PLAN = make_plan(Gaussian(k=20, sampling_rate=1.0), Exact(), CAP, 100)


@pytest.fixture
def ledger(tmp_path):
    return create_ledger(tmp_path / "ledger.sqlite", "store-a", CAP)


def _sql(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_charge_is_a_row(ledger):
    row = ledger.charge(PLAN, 40, "digest", account="anna")
    assert row == ledger.rows()[-1]
    assert (row.id, row.kind, row.body["num_queries"], row.body["request_digest"]) == (3, "charge", 40, "digest")
    assert row.body["mechanism"]["fields"]["k"] == 20
    assert ledger.spent().epsilon == PLAN.epsilons(40).epsilon


def test_a_plan_may_be_spent_in_parts_to_the_last_query(ledger):
    for _ in range(10):
        ledger.charge(PLAN, 10, "")
    assert ledger.spent().epsilon == PLAN.epsilons().epsilon <= CAP.epsilon
    assert ledger.remaining() == pytest.approx(CAP.epsilon - PLAN.epsilons().epsilon)
    with pytest.raises(BudgetExceeded):
        ledger.charge(PLAN, 10, "")


def test_a_refusal_says_what_would_fit(ledger):
    ledger.charge(PLAN, 60, "")
    with pytest.raises(
        BudgetExceeded, match=r"90 queries take the store to epsilon 2\.\d+ at delta 1e-06; 1\.\d+ of 2 is"
    ) as error:
        ledger.charge(PLAN, 90, "")
    sentence = str(error.value)
    most = int(sentence.split("at most ")[1].split(maxsplit=1)[0])
    noise_std = float(sentence.split("noise_std ")[1].split(",", maxsplit=1)[0])
    assert "raise the cap with `main.py ledger cap`" in sentence
    assert len(ledger.rows()) == 3  # nothing was charged
    ledger.require(PLAN.with_noise_std(noise_std), 90)
    with pytest.raises(BudgetExceeded):
        ledger.require(PLAN.with_noise_std(noise_std * 0.98), 90)
    with pytest.raises(BudgetExceeded):
        ledger.require(PLAN, most + 1)
    ledger.charge(PLAN, most, "")


def test_a_refusal_of_one_query_when_nothing_is_left(ledger):
    ledger.charge(PLAN, 100, "")
    with pytest.raises(BudgetExceeded, match=r"^One query takes the store .* spent\. Use noise_std") as error:
        ledger.charge(make_plan(Gaussian(k=20, sampling_rate=1.0), Exact(), Budget(50.0, 1e-6), 1), 1, "")
    assert "at most" not in str(error.value)


def test_an_account_has_its_own_cap_within_the_stores(ledger):
    ledger.set_cap(Budget(0.5, 1e-6), account="anna")
    with pytest.raises(BudgetExceeded, match="the account anna"):
        ledger.charge(PLAN, 50, "", account="anna")
    ledger.charge(PLAN, 50, "", account="ben")
    assert ledger.spent("anna").epsilon == 0
    assert ledger.spent("ben").epsilon == ledger.spent().epsilon
    assert ledger.remaining("anna") == 0.5


def test_the_cap_is_raised_by_a_row_of_its_own(ledger):
    ledger.charge(PLAN, 100, "")
    ledger.set_cap(Budget(4.0, 1e-6))
    ledger.charge(PLAN, 100, "")
    assert [row.kind for row in ledger.rows()] == ["store", "cap", "charge", "cap", "charge"]
    with pytest.raises(UserError, match="at least what is spent"):
        ledger.set_cap(Budget(2.0, 1e-6))
    assert ledger.cap() == Budget(4.0, 1e-6)


def test_non_private_releases_are_recorded_and_not_composed(ledger):
    row = ledger.charge(make_plan(NonPrivate(), Exact(), CAP, 5), 5, "")
    assert row.body["private"] is False
    assert ledger.spent().epsilon == 0


def test_another_stores_ledger_is_refused(ledger, tmp_path):
    with pytest.raises(LedgerError, match="belongs to another store"):
        Ledger(tmp_path / "ledger.sqlite", "store-b")


def test_a_missing_ledger_is_never_made_silently(tmp_path):
    with pytest.raises(LedgerError, match="Set the store's cap"):
        Ledger(tmp_path / "ledger.sqlite", "store-a")
    assert not (tmp_path / "ledger.sqlite").exists()


def test_a_ledger_lost_after_a_release_is_not_replaced(tmp_path):
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "00000003.safetensors").touch()
    with pytest.raises(LedgerError, match="released before"):
        create_ledger(tmp_path / "ledger.sqlite", "store-a", CAP)


def test_a_ledger_whose_making_was_cut_off_is_made_anew(tmp_path):
    (tmp_path / "ledger.sqlite").touch()
    assert not ledger_exists(tmp_path / "ledger.sqlite")
    create_ledger(tmp_path / "ledger.sqlite", "store-a", CAP)
    assert ledger_exists(tmp_path / "ledger.sqlite")


def test_a_ledger_is_made_once(ledger, tmp_path):
    with pytest.raises(LedgerError, match="already"):
        create_ledger(tmp_path / "ledger.sqlite", "store-a", Budget(100.0, 1e-6))
    assert ledger.cap() == CAP


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to look like one" * 30])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "ledger.sqlite").write_bytes(content)
    with pytest.raises(LedgerError):
        Ledger(tmp_path / "ledger.sqlite", "store-a")


CHANGES = [
    "UPDATE rows SET body = replace(body, '40', '4') WHERE id = 3",
    "UPDATE rows SET time = '2000-01-01' WHERE id = 4",
    "DELETE FROM rows WHERE id = 3",
    "INSERT OR REPLACE INTO rows SELECT 3, time, kind, body, previous, hash FROM rows WHERE id = 4",
]


@pytest.mark.parametrize("change", CHANGES)
def test_rows_cannot_be_changed(ledger, tmp_path, change):
    for _ in range(2):
        ledger.charge(PLAN, 40, "")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        _sql(tmp_path / "ledger.sqlite", change)
    ledger.verify()


@pytest.mark.parametrize("change", CHANGES)
def test_tampering_past_the_triggers_is_seen(ledger, tmp_path, change):
    for _ in range(2):
        ledger.charge(PLAN, 40, "")
    drops = [f"DROP TRIGGER {name}" for name in ("no_update", "no_delete", "no_gap")]
    _sql(tmp_path / "ledger.sqlite", *drops, change)
    with pytest.raises(LedgerError, match="changed after it was written"):
        ledger.verify()
    with pytest.raises(LedgerError, match="changed after it was written"):
        ledger.charge(PLAN, 1, "")


def test_a_ledger_cut_short_is_seen_by_who_kept_a_hash(ledger, tmp_path):
    kept = ledger.charge(PLAN, 40, "")
    ledger.verify((kept.id, kept.hash))
    _sql(tmp_path / "ledger.sqlite", "DROP TRIGGER no_delete", "DELETE FROM rows WHERE id = 3")
    ledger.verify()
    with pytest.raises(LedgerError, match="not the one that was certified"):
        ledger.verify((kept.id, kept.hash))
    ledger.charge(PLAN, 39, "")
    with pytest.raises(LedgerError, match="not the one that was certified"):
        ledger.verify((kept.id, kept.hash))


def test_a_charge_that_fails_leaves_nothing(ledger):
    with pytest.raises(RuntimeError), Chain(ledger._chain.path).writing() as writer:
        writer.append("charge", {}, after=writer.read())
        raise RuntimeError
    assert [row.kind for row in ledger.rows()] == ["store", "cap"]


def test_counts_must_be_whole_and_positive(ledger):
    with pytest.raises(UserError, match="num_queries"):
        ledger.charge(PLAN, 0, "")


def _random_step(chance: random.Random, handles: list[Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    """A charge from one of two handles, one in four of which crashes before or after it commits."""
    plan = Plan(Gaussian(k=20, sampling_rate=1.0), Exact(), CAP, 1, chance.choice([0.2, 0.4, 0.9]))
    crash = chance.random()
    with monkeypatch.context() as patch:
        if crash < 0.12:
            patch.setattr("dprdm.privacy.chain.Writer.append", _crash)
        with suppress(BudgetExceeded, KeyboardInterrupt):
            chance.choice(handles).charge(plan, chance.randint(1, 4), "", chance.choice(["anna", "ben"]))


def _fits_by_rdp(event, budget):
    return epsilon_rdp(event, budget.delta)[0] <= budget.epsilon


def _crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_random_histories_never_pass_the_cap(tmp_path, monkeypatch):
    # What takes long and is tested elsewhere: advice, PLD, the disk, and shapes.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    monkeypatch.setattr(ledger_module, "refusal", lambda *_: BudgetExceeded("refused"))
    monkeypatch.setattr(spending, "fits", _fits_by_rdp)
    monkeypatch.setattr("dprdm.privacy.chain.DURABILITY", "OFF")
    chance, refused, account_cap = random.Random(0), 0, Budget(1.5, 1e-6)
    for history in range(1000):
        path = tmp_path / f"{history}.sqlite"
        create_ledger(path, "store", CAP).set_cap(account_cap, "anna")
        handles = [Ledger(path, "store"), Ledger(path, "store")]
        for _ in range(chance.randint(2, 8)):
            _random_step(chance, handles, monkeypatch)
        state = handles[0].state()
        assert _fits_by_rdp(state.event(), CAP)
        assert _fits_by_rdp(state.event("anna"), account_cap)
        refused += not _fits_by_rdp(state.with_event(PLAN.event(), None), CAP)
        path.unlink()
    assert refused > 500  # the histories do come close to the cap
