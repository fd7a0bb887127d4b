import numpy as np

from dprdm.plugins.retrievers.exact import Exact
from dprdm.plugins.retrievers.public import Public
from tests.fakes import private_store, public_store, unit_rows


def test_finds_what_exact_finds(tmp_path):
    vectors, query, rows = unit_rows(100, 8), unit_rows(1, 8, seed=1)[0], np.arange(0, 100, 2)
    in_public = Public().search(query, public_store(tmp_path / "a", vectors), rows, 5)
    in_private = Exact().search(query, private_store(tmp_path / "b", vectors), rows, 5)
    assert np.array_equal(in_public, in_private)


def test_says_which_store_it_reads():
    assert Exact.reads_private
    assert not Public.reads_private
