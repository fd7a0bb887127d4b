"""Cells: nested, learnt from public rows, and a row's cells are its own."""

import numpy as np
import pytest

from dprdm.codebook.partition import Partition, learn_partition
from dprdm.errors import UserError
from tests.fakes import unit_rows

ROWS = unit_rows(600, 8)


@pytest.fixture(scope="module")
def partition():
    return learn_partition(ROWS, (4, 40))


def test_a_rows_cells_depend_on_it_alone(partition):
    rows = unit_rows(300, 8, seed=1)
    together = partition.cells(rows)
    for others in (rows[::-1], rows[:7], rows[3:200]):
        alone = {row.tobytes(): cell.tolist() for row, cell in zip(others, partition.cells(others), strict=True)}
        whole = {row.tobytes(): cell.tolist() for row, cell in zip(rows, together, strict=True)}
        assert all(whole[key] == cell for key, cell in alone.items())


def test_cells_are_nested(partition):
    cells = partition.cells(unit_rows(300, 8, seed=1))
    assert np.array_equal(partition.levels[1].parents[cells[:, 1]], cells[:, 0])
    assert [len(level.centroids) for level in partition.levels] == pytest.approx([4, 40], abs=4)


def test_a_row_lies_in_the_nearest_cell_of_its_parent(partition):
    rows = unit_rows(200, 8, seed=2)
    for row, (coarse, fine) in zip(rows, partition.cells(rows), strict=True):
        first, second = partition.levels
        assert coarse == np.argmin(((first.centroids - row) ** 2).sum(axis=1))
        children = np.flatnonzero(second.parents == coarse)
        assert fine == children[np.argmin(((second.centroids[children] - row) ** 2).sum(axis=1))]


def test_centroids_and_shares_are_those_of_the_public_rows(partition):
    cells = partition.cells(ROWS)[:, 0]
    level = partition.levels[0]
    for cell in range(len(level.centroids)):
        mine = ROWS[cells == cell]
        assert np.allclose(level.centroids[cell], mine.mean(axis=0), atol=0.03)
        assert level.shares[cell] == pytest.approx(len(mine) / len(ROWS), abs=0.02)
    totals = np.bincount(partition.levels[1].parents, partition.levels[1].shares)
    assert np.allclose(totals, 1)


def test_cells_find_clusters_that_are_there():
    centres = np.eye(8)[:5]
    rows = np.repeat(centres, 40, axis=0) + 0.05 * np.random.default_rng(0).normal(size=(200, 8))
    found = learn_partition(rows.astype(np.float32), (5,)).cells(rows)[:, 0].reshape(5, 40)
    assert all(len(set(cluster.tolist())) == 1 for cluster in found)
    assert len(set(found[:, 0].tolist())) == 5


def test_the_same_rows_make_the_same_cells(partition):
    assert learn_partition(ROWS, (4, 40)).sha256() == partition.sha256()
    assert learn_partition(ROWS[1:], (4, 40)).sha256() != partition.sha256()


def test_tensors_and_back(partition):
    again = Partition.from_tensors(partition.tensors())
    assert again.sha256() == partition.sha256()
    incomplete = {name: value for name, value in partition.tensors().items() if name != "parents.1"}
    with pytest.raises(UserError, match=r"parents\.1"):
        Partition.from_tensors(incomplete)


def test_few_rows_make_few_cells():
    assert len(learn_partition(ROWS[:10], (64,)).levels[0].centroids) == 2
    assert learn_partition(ROWS[:1], (64,)).num_cells == 1
