"""Public neighbours against brute force: never the image itself, never its copy; a table is whole or absent."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dprdm.data import neighbours
from dprdm.data.neighbours import NoProgress, build_table, find_table, nearest_rows, neighbour_table, table_path
from dprdm.data.searchers import FaissSearcher, NumpySearcher
from dprdm.errors import UserError
from tests.data.pictures import Count
from tests.fakes import public_store, unit_rows

SEARCHERS = [NumpySearcher, FaissSearcher]


def brute_force(rows: np.ndarray, count: int) -> list[list[int]]:
    scores = rows.astype(np.float64) @ rows.T.astype(np.float64)
    return [
        sorted((other for other in range(len(rows)) if other != row), key=lambda other: -scores[row, other])[:count]
        for row in range(len(rows))
    ]


def nearest(path, rows, count, make=NumpySearcher, **options):
    store = public_store(path, rows)
    return nearest_rows(store, np.arange(len(rows)), count, make(store, **options))


class Interrupted(NumpySearcher.__base__):
    """A searcher that the user interrupts after so many blocks."""

    is_exact, description = True, "numpy"

    def __init__(self, store, blocks):
        self.inner, self.blocks, self.most = NumpySearcher(store), blocks, len(store)

    def search(self, queries, count):
        if self.blocks == 0:
            raise KeyboardInterrupt
        self.blocks -= 1
        return self.inner.search(queries, count)


@pytest.mark.parametrize("make", SEARCHERS)
@pytest.mark.parametrize("count", [1, 5, 49])
def test_agrees_with_brute_force(tmp_path, make, count):
    rows = unit_rows(50, 16)
    table = nearest(tmp_path, rows, count, make)
    assert table.dtype == np.int32 and table.tolist() == brute_force(rows, count)


@pytest.mark.parametrize("make", SEARCHERS)
def test_an_image_and_its_copies_are_left_out(tmp_path, make):
    rows = unit_rows(60, 16)
    copies = list(range(20, 55))  # more than a first search looks past
    rows[copies] = rows[2]
    table = nearest(tmp_path, rows, 10, make)
    for row in range(60):
        assert row not in table[row] and len(set(table[row].tolist())) == 10
    for copy in (2, *copies):
        assert not {2, *copies} & set(table[copy].tolist())


def test_what_is_only_nearly_a_copy_is_a_neighbour(tmp_path):
    rows = unit_rows(12, 16)
    for other, cosine in ((5, 1 - 1e-5), (6, 1 - 1e-9)):
        away = rows[other] - (rows[other] @ rows[0]) * rows[0]
        rows[other] = cosine * rows[0] + np.sqrt(1 - cosine**2) * away / np.linalg.norm(away)
    table = nearest(tmp_path, rows, 3)
    assert table[0, 0] == 5 and 6 not in table[0]


@pytest.mark.parametrize("make", SEARCHERS)
def test_copies_come_last_where_nothing_else_is_left(tmp_path, make):
    rows = unit_rows(4, 8)
    rows[1] = rows[0]
    table = nearest(tmp_path, rows, 3, make)
    assert set(table[0][:2].tolist()) == {2, 3} and table[0][2] == 1 and table[1][2] == 0


def test_lists_that_find_too_few_are_made_up_for(tmp_path):
    rows = unit_rows(400, 8)
    table = nearest(tmp_path, rows, 150, FaissSearcher, lists=4, probes=1)
    assert all(len({row, *table[row].tolist()}) == 151 for row in range(400))


@pytest.mark.parametrize("block", [7, 50, 1024])
def test_the_table_is_the_same_whatever_the_block(tmp_path, monkeypatch, block):
    monkeypatch.setattr(neighbours, "BLOCK", block)
    rows = unit_rows(50, 16)
    store, count = public_store(tmp_path, rows), Count()
    manifest = build_table(store, 5, FaissSearcher(store), count)
    assert neighbour_table(store, 5).tolist() == brute_force(rows, 5) and count.total == 50
    assert (manifest.store, manifest.rows, manifest.k, manifest.is_exact) == (store.fingerprint, 50, 5, True)
    assert not list(tmp_path.glob("*.parts"))


def test_an_interrupted_table_goes_on_and_is_absent_until_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 10)
    rows = unit_rows(50, 16)
    store, count = public_store(tmp_path, rows), Count()
    with pytest.raises(KeyboardInterrupt):
        build_table(store, 5, Interrupted(store, 3), NoProgress())
    assert find_table(store, 5) is None and not table_path(store, 5).exists()
    second = Interrupted(store, 2)  # two blocks are left
    build_table(store, 5, second, count)
    assert neighbour_table(store, 5).tolist() == brute_force(rows, 5) and (second.blocks, count.total) == (0, 50)


def test_what_was_begun_by_another_method_is_not_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 10)
    store = public_store(tmp_path, unit_rows(50, 16))
    with pytest.raises(KeyboardInterrupt):
        build_table(store, 5, Interrupted(store, 3), NoProgress())
    (tmp_path / "neighbours-5.parts" / "000000000000.npy").write_bytes(b"another's")
    build_table(store, 5, NumpySearcher(store), NoProgress())
    assert neighbour_table(store, 5).shape == (50, 5)


def test_a_larger_table_serves_a_smaller_request_and_is_found_again(tmp_path, monkeypatch):
    rows = unit_rows(30, 8)
    store = public_store(tmp_path, rows)
    neighbour_table(store, 9)
    monkeypatch.setattr(neighbours, "build_table", None)
    assert neighbour_table(store, 4).tolist() == brute_force(rows, 4)
    assert neighbour_table(store, 9).shape == (30, 9)
    assert isinstance(neighbour_table(store, 4).base, np.memmap)


@pytest.mark.parametrize("change", [{"store": "another"}, {"rows": 29}, {"k": 2}, {"format": 0}])
def test_a_table_of_something_else_is_not_used(tmp_path, change):
    rows = unit_rows(30, 8)
    store = public_store(tmp_path, rows)
    neighbour_table(store, 3)
    manifest = tmp_path / "neighbours-3.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
    np.save(tmp_path / "neighbours-3.npy", np.zeros((30, 3), np.int32))
    assert find_table(store, 3) is None
    assert neighbour_table(store, 3).tolist() == brute_force(rows, 3)


def test_more_neighbours_than_images_are_refused(tmp_path):
    store = public_store(tmp_path, unit_rows(12, 8))
    with pytest.raises(UserError, match=r"asked for 12 of 11 others"):
        neighbour_table(store, 12)
    assert {path.name for path in tmp_path.iterdir()} == {"00000.vectors.npy", "manifest.json"}


def test_two_at_once_make_one_table(tmp_path):
    store = public_store(tmp_path, unit_rows(50, 16))
    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(lambda _: build_table(store, 5, NumpySearcher(store), NoProgress()), range(2)))
    assert made[0] == made[1] == find_table(store, 5)
    assert not list(store.path.glob("*.parts"))
