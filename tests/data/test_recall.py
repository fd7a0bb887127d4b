"""The recall of a table: one for a true one, and what was damaged for a damaged one."""

import numpy as np
import pytest

from dprdm.data import recall as module
from dprdm.data.neighbours import COPY, neighbour_table
from dprdm.data.recall import recall
from tests.fakes import public_store, unit_rows


@pytest.mark.parametrize("block", [7, 4096])
def test_recall_is_the_share_that_is_right(tmp_path, monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    rows = unit_rows(60, 16)
    rows[7] = rows[3]
    store = public_store(tmp_path, rows)
    table = np.array(neighbour_table(store, 5))
    assert recall(store, table, COPY) == 1
    table[:, 4] = table[:, 4][::-1]
    wrong = np.array([table[row, 4] not in neighbour_table(store, 5)[row] for row in range(60)]).mean()
    assert abs(recall(store, table, COPY) - (1 - wrong / 5)) < 1e-9 and wrong > 0.5
