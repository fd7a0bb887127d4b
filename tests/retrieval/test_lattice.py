"""Scores on the grid are exact in any order."""

import numpy as np

from dprdm.retrieval.lattice import SCALE, quantise
from tests.fakes import unit_rows


def test_entries_are_integers_cut_off_at_one():
    given = np.array([[0.0, 1.0, -1.0, 7.0], [0.5 / SCALE, 1.6 / SCALE, -1.6 / SCALE, np.float64(0.25)]])
    assert quantise(given).tolist() == [[0, SCALE, -SCALE, SCALE], [0, 2, -2, SCALE / 4]]


def test_products_do_not_depend_on_the_order_of_summation():
    left, right = quantise(unit_rows(50, 512)), quantise(unit_rows(50, 512, seed=1))
    order = np.random.default_rng(0).permutation(512)
    assert np.array_equal(left @ right.T, left[:, order] @ right[:, order].T)
    plain = unit_rows(50, 512), unit_rows(50, 512, seed=1)
    assert not np.array_equal(plain[0] @ plain[1].T, plain[0][:, order] @ plain[1][:, order].T)  # control
