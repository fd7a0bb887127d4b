"""The private pass: sums that one row moves by no more than is stated, exact whatever the order."""

import numpy as np
import pytest

from dprdm.codebook.partition import learn_partition
from dprdm.codebook.sums import GRID, Weighting, cell_sums, clip_to_grid, on_grid, row_sums, split_weighting
from dprdm.errors import StoreError
from tests.fakes import private_store, unit_rows

DIM = 6
PARTITION = learn_partition(unit_rows(400, DIM), (3, 30))
WEIGHTING = split_weighting(0.5, 0.25, 2, 0.75)


def test_one_row_moves_the_sums_by_its_norm_at_most():
    rows = 3 * unit_rows(60, DIM, seed=1)  # far outside: all are clipped
    whole = row_sums(rows, PARTITION, WEIGHTING)
    moved = [np.linalg.norm(whole - row_sums(np.delete(rows, n, 0), PARTITION, WEIGHTING)) for n in range(60)]
    assert max(moved) <= WEIGHTING.row_norm
    assert max(moved) == pytest.approx(WEIGHTING.row_norm, rel=1e-4)  # and the bound is tight


def test_negative_control_without_clipping_the_bound_breaks():
    rows = 3 * unit_rows(60, DIM, seed=1)
    loose = Weighting(10.0, WEIGHTING.count_weight, WEIGHTING.weights)
    moved = np.linalg.norm(row_sums(rows, PARTITION, loose) - row_sums(rows[1:], PARTITION, loose))
    assert moved > 2 * WEIGHTING.row_norm


def test_sums_are_exact_in_any_order():
    rows = unit_rows(3000, DIM, seed=2)
    order = np.random.default_rng(0).permutation(3000)
    assert np.array_equal(row_sums(rows, PARTITION, WEIGHTING), row_sums(rows[order], PARTITION, WEIGHTING))
    apart = row_sums(rows[:1111], PARTITION, WEIGHTING) + row_sums(rows[1111:], PARTITION, WEIGHTING)
    assert np.array_equal(apart, row_sums(rows, PARTITION, WEIGHTING))


def test_sums_by_brute_force():
    rows = unit_rows(50, DIM, seed=3)
    expected = np.zeros((PARTITION.num_cells, DIM + 1))
    for row, cells in zip(rows.astype(np.float64), PARTITION.cells(rows), strict=True):
        start = 0
        for level, cell, weight in zip(PARTITION.levels, cells, WEIGHTING.weights, strict=True):
            residual = row - level.centroids[cell]
            residual *= min(1.0, 0.5 / np.linalg.norm(residual))
            expected[start + cell] += weight * np.append(residual, 0.25)
            start += len(level.centroids)
    assert np.allclose(row_sums(rows, PARTITION, WEIGHTING), expected, atol=50 * GRID)


def test_a_store_is_summed_over_the_rows_of_its_units(tmp_path):
    rows = unit_rows(30, DIM, seed=4)
    persons = [[0, 1, 2], [5, 6], [9]]  # the other rows belong to nobody: their person had too many
    store = private_store(tmp_path, rows, persons)
    mine = rows[[0, 1, 2, 5, 6, 9]]
    assert np.array_equal(cell_sums(store, PARTITION, WEIGHTING), row_sums(mine, PARTITION, WEIGHTING))


def test_a_damaged_row_is_refused(tmp_path):
    rows = unit_rows(5, DIM)
    rows[3, 0] = np.nan
    with pytest.raises(StoreError, match="finite"):
        cell_sums(private_store(tmp_path, rows), PARTITION, WEIGHTING)


def test_clipping_and_rounding_only_shorten():
    residuals = np.random.default_rng(5).normal(size=(500, DIM)) * np.logspace(-4, 3, 500)[:, None]
    short = clip_to_grid(residuals, 0.7)
    assert np.all(np.abs(short) <= np.abs(residuals))
    assert np.linalg.norm(short, axis=1).max() <= 0.7 * (1 + 1e-15)


def test_weights_are_on_the_grid_and_never_more_than_asked():
    assert on_grid(0.7071) <= 0.7071 and on_grid(0.7071) * 1024 == int(on_grid(0.7071) * 1024)
    assert split_weighting(1.0, 1.0, 1, 0.3).weights == (1.0,)
    three = split_weighting(1.0, 1.0, 3, 0.5).weights
    assert three[0] == three[1] < three[2] and sum(weight**2 for weight in three) <= 1
