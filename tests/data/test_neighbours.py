"""Public neighbours against brute force: never the image itself, never its copy."""

import numpy as np
import pytest

from dprdm.data import neighbours
from dprdm.data.neighbours import nearest_rows, neighbour_table
from dprdm.errors import UserError
from tests.fakes import public_store, unit_rows


def brute_force(rows: np.ndarray, count: int) -> list[list[int]]:
    scores = rows.astype(np.float64) @ rows.T.astype(np.float64)
    return [
        sorted((other for other in range(len(rows)) if other != row), key=lambda other: -scores[row, other])[:count]
        for row in range(len(rows))
    ]


@pytest.mark.parametrize("block", [7, 50, 1024])
def test_agrees_with_brute_force_whatever_the_block(tmp_path, monkeypatch, block):
    monkeypatch.setattr(neighbours, "BLOCK", block)
    rows = unit_rows(50, 16)
    table = nearest_rows(public_store(tmp_path, rows), 5)
    assert table.dtype == np.int32 and table.tolist() == brute_force(rows, 5)


def test_an_image_and_its_copies_are_left_out(tmp_path):
    rows = unit_rows(20, 16)
    rows[7] = rows[13] = rows[2]
    table = nearest_rows(public_store(tmp_path, rows), 10)
    for row in range(20):
        assert row not in table[row]
    for copy in (2, 7, 13):
        assert not {2, 7, 13} & set(table[copy].tolist())


def test_copies_come_last_where_nothing_else_is_left(tmp_path):
    rows = unit_rows(4, 8)
    rows[1] = rows[0]
    table = nearest_rows(public_store(tmp_path, rows), 3)
    assert set(table[0][:2].tolist()) == {2, 3} and table[0][2] in {0, 1}


def test_the_table_is_computed_once_and_kept(tmp_path, monkeypatch):
    store = public_store(tmp_path, unit_rows(12, 8))
    first = neighbour_table(store, 3)
    monkeypatch.setattr(neighbours, "nearest_rows", None)
    assert np.array_equal(neighbour_table(store, 3), first)


def test_more_neighbours_than_images_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"asked for 12 of 11 others"):
        nearest_rows(public_store(tmp_path, unit_rows(12, 8)), 12)
