"""Each draw has its own seed, and another --seed_everything gives others."""

import pytest

from dprdm.training.seeds import public_seed


def test_depends_on_what_is_drawn_and_on_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")
    seeds = {public_seed("item", epoch, row) for epoch in range(5) for row in range(20)}
    seeds |= {public_seed("step", step) for step in range(20)}
    assert len(seeds) == 120
    first = public_seed("item", 1, 2)
    assert public_seed("item", 1, 2) == first
    assert 0 <= first < 2**63
    monkeypatch.setenv("PL_GLOBAL_SEED", "2")
    assert public_seed("item", 1, 2) != first
    monkeypatch.delenv("PL_GLOBAL_SEED")
    zero = public_seed("item", 1, 2)
    monkeypatch.setenv("PL_GLOBAL_SEED", "0")
    assert public_seed("item", 1, 2) == zero
