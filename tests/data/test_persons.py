"""Where the unit of privacy is a person: everybody's owner is known, and nobody contributes more than agreed."""

import numpy as np
import pytest

from dprdm.data.index import build_store
from dprdm.errors import UserError
from dprdm.retrieval.store import PrivateStore
from tests.data.pictures import Count, Pictures, demo_encoder


@pytest.fixture(scope="module")
def encoder():
    return demo_encoder()


def test_a_person_contributes_at_most_so_many(tmp_path, encoder):
    source = Pictures(7, broken=(1,), groups=["ann", "ann", "bob", "ann", "ann", "bob", "cem"])
    report = build_store(source, encoder, tmp_path, PrivateStore, Count(), shard_rows=3, max_per_unit=2)
    store = PrivateStore(tmp_path)
    assert (report.dropped, store.num_units, store.max_per_unit) == (1, 3, 2)
    positions = store.source_index()
    owned = [positions[store.rows_of(np.array([unit]))].tolist() for unit in range(3)]
    assert owned == [[0, 3], [2, 5], [6]]  # ann's 1 is broken, her 4 is one too many
    assert positions[store.rows_of(np.array([0, 2]))].tolist() == [0, 3, 6]


def test_everybody_needs_an_owner_where_persons_are_the_unit(tmp_path, encoder):
    with pytest.raises(UserError, match="Expected a group for every image"):
        build_store(Pictures(3), encoder, tmp_path, PrivateStore, Count(), max_per_unit=1)


def test_without_groups_every_image_is_a_unit(tmp_path, encoder):
    build_store(Pictures(3, groups=["ann"] * 3), encoder, tmp_path, PrivateStore, Count())
    store = PrivateStore(tmp_path)
    assert (store.num_units, store.max_per_unit) == (3, 1) and store.rows_of(np.array([2])).tolist() == [2]
