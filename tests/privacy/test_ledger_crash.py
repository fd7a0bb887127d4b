"""Real processes, killed with SIGKILL, or racing. Forked, so that each starts in a moment."""

import multiprocessing
import os
import signal
import time

import pytest

from dprdm.errors import BudgetExceeded
from dprdm.guarantee.plan import make_plan
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy import chain
from dprdm.privacy import ledger as ledger_module
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger, create_ledger

CAP = Budget(2.0, 1e-6)
# Without sampling, so that composing takes milliseconds.
PLAN = make_plan(Gaussian(k=20, sampling_rate=1.0), Exact(), CAP, 100)
FORK = multiprocessing.get_context("fork")
# Where a charge is stopped, and whether it is paid by then.
STEPS = {"opened": False, "locked": False, "checked": False, "appended": False, "committed": True}


@pytest.fixture
def path(tmp_path):
    return create_ledger(tmp_path / "ledger.sqlite", "store", CAP)._chain.path


def _pause_at(step, reached):
    """Stop this process for good where `step` is reached."""

    def pause(name):
        if name == step:
            reached.set()
            time.sleep(60)

    read, append, writing = chain.Writer.read, chain.Writer.append, chain.Chain.writing

    def stopping_read(self):
        pause("locked")
        return read(self)

    def stopping_append(self, *args, **kwargs):
        pause("checked")
        row = append(self, *args, **kwargs)
        pause("appended")
        return row

    def stopping_writing(self, create=False):
        pause("opened")
        return writing(self, create)

    chain.Writer.read, chain.Writer.append, chain.Chain.writing = stopping_read, stopping_append, stopping_writing
    return pause


def _charge_and_pause(path, step, reached):
    pause = _pause_at(step, reached)
    Ledger(path, "store").charge(PLAN, 60, "")
    pause("committed")


@pytest.mark.parametrize("step", STEPS)
def test_hazard_14_kill_at_every_step(path, step):
    reached = FORK.Event()
    process = FORK.Process(target=_charge_and_pause, args=(path, step, reached))
    process.start()
    assert reached.wait(180)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    ledger = Ledger(path, "store")
    charges = [row for row in ledger.verify() if row.kind == "charge"]
    assert len(charges) == STEPS[step]
    ledger.charge(PLAN, 40, "")  # the lock died with its holder
    assert ledger.spent().epsilon <= CAP.epsilon


def _charge_and_draw(path, drawn):
    ledger = Ledger(path, "store")
    while True:
        try:
            ledger.charge(PLAN, 1, "")
        except BudgetExceeded:
            time.sleep(60)
        with drawn.get_lock():
            drawn.value += 1


def test_hazard_14_killed_at_any_moment_nothing_is_drawn_unpaid(path):
    drawn = FORK.Value("i", 0)
    for pause in (0.01, 0.02, 0.03, 0.05, 0.08, 0.013, 0.021, 0.034, 2.0, 30.0):
        if pause > 1 and drawn.value:
            break  # the long ones are for slow machines
        process = FORK.Process(target=_charge_and_draw, args=(path, drawn))
        process.start()
        time.sleep(pause)
        with drawn.get_lock():  # not while it counts
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        paid = sum(row.body["num_queries"] for row in Ledger(path, "store").verify() if row.kind == "charge")
        assert drawn.value <= paid
    assert drawn.value > 0
    assert Ledger(path, "store").spent().epsilon <= CAP.epsilon


def _race(path, start, won):
    ledger_module.refusal = lambda *_: BudgetExceeded("refused")  # its advice takes long
    ledger = Ledger(path, "store")
    start.wait()
    try:
        ledger.charge(PLAN, 60, "")
    except BudgetExceeded:
        return
    with won.get_lock():
        won.value += 1


def test_hazard_14_a_race_has_one_winner(tmp_path):
    for attempt in range(3):
        path = create_ledger(tmp_path / f"{attempt}.sqlite", "store", CAP)._chain.path
        start, won = FORK.Barrier(3), FORK.Value("i", 0)
        processes = [FORK.Process(target=_race, args=(path, start, won)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert won.value == 1
        assert len(Ledger(path, "store").verify()) == 3


def _create(path, start, made):
    start.wait()
    try:
        create_ledger(path, "store", CAP)
    except Exception:
        return
    with made.get_lock():
        made.value += 1


def test_two_processes_make_one_ledger(tmp_path):
    start, made = FORK.Barrier(2), FORK.Value("i", 0)
    processes = [FORK.Process(target=_create, args=(tmp_path / "l.sqlite", start, made)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert made.value == 1
    assert len(Ledger(tmp_path / "l.sqlite", "store").verify()) == 2
