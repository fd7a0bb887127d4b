"""A private collection that is looked at without noise: its rows, and none that belongs to nobody."""

import numpy as np

from dprdm.data.index import build_store
from dprdm.data.stand_in import open_stand_in
from dprdm.retrieval.store import PrivateStore
from tests.data.pictures import Count, Pictures, demo_encoder
from tests.fakes import with_rows_of_nobody


def test_hazard_18_rows_of_nobody_are_not_looked_at(tmp_path):
    encoder, source = demo_encoder(), Pictures(6)
    build_store(source, encoder, tmp_path / "s", PrivateStore, Count())
    every = open_stand_in(source, encoder, tmp_path / "s", is_private=True)
    with_rows_of_nobody(tmp_path / "s", [[1], [4, 5]])
    owned = open_stand_in(source, encoder, tmp_path / "s", is_private=True)
    assert len(every.rows) == 6 and owned.source_index.tolist() == [1, 4, 5]
    assert np.array_equal(owned.rows, every.rows[[1, 4, 5]])
    assert owned.classes == ("picture 1", "picture 4", "picture 5")
