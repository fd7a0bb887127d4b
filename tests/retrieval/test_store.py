"""A store gives the rows that were asked for, or refuses in a sentence; it never gives others."""

import dataclasses
import json

import numpy as np
import pytest

from dprdm.data.index import build_store
from dprdm.errors import StoreError
from dprdm.retrieval.store import FORMAT, MANIFEST, Manifest, PrivateStore, PublicStore
from tests.data.pictures import Count, Pictures, demo_encoder
from tests.fakes import private_store, public_store, unit_rows


@pytest.fixture(scope="module")
def encoder():
    return demo_encoder()


@pytest.fixture
def store(tmp_path, encoder):
    """Ten rows in three shards."""
    build_store(Pictures(10), encoder, tmp_path / "store", PrivateStore, Count(), shard_rows=4)
    return PrivateStore(tmp_path / "store")


def damage(path, at=-1):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_rows_come_in_the_order_asked_for_across_shards(store):
    every = store.vectors(np.arange(10))
    asked = np.array([9, 0, 4, 3, 3, 8])
    assert np.array_equal(store.vectors(asked), every[asked]) and every.dtype == np.float32
    assert store.vectors(np.zeros(0, np.int64)).shape == (0, store.dim)


@pytest.mark.parametrize("rows", [[0, 3, 4, 9], [9, 4, 4, 0]])
def test_rows_come_where_they_are_wanted(store, rows):
    out = np.full((4, store.dim), np.nan, np.float32)
    assert store.vectors(np.array(rows), out) is out
    assert np.array_equal(out, store.vectors(np.arange(10))[rows])


@pytest.mark.parametrize("rows", [[-1], [0, -1], [10], [3, 10]])
def test_hazard_06_an_id_that_is_none_is_an_error_and_never_the_last_row(store, rows):
    with pytest.raises(IndexError, match=r"Expected row ids in \[0, 9\]"):
        store.vectors(np.array(rows))


def test_private_and_public_stores_are_not_taken_for_each_other(tmp_path):
    private_store(tmp_path / "private", unit_rows(3, 4))
    public_store(tmp_path / "public", unit_rows(3, 4))
    with pytest.raises(StoreError, match=r"Expected a public store in .*; this one is private"):
        PublicStore(tmp_path / "private")
    with pytest.raises(StoreError, match=r"Expected a private store in .*; this one is public"):
        PrivateStore(tmp_path / "public")
    assert not issubclass(PublicStore, PrivateStore) and not issubclass(PrivateStore, PublicStore)


def test_no_store_at_all(tmp_path):
    with pytest.raises(StoreError, match=r"Expected a finished store in .*main\.py index"):
        PrivateStore(tmp_path)


def test_one_flipped_bit_is_noticed(store):
    damage(store.path / "00001.vectors.npy")
    with pytest.raises(StoreError, match=r"Shard 00001 of .* is damaged: its checksum differs"):
        PrivateStore(store.path)
    assert len(PrivateStore(store.path, check=False)) == 10
    with pytest.raises(StoreError, match="checksum"):
        PrivateStore(store.path, check=False).check()


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "garbage"])
def test_a_damaged_shard_is_named(store, how):
    path = store.path / "00002.vectors.npy"
    content = path.read_bytes()
    path.unlink() if how == "missing" else path.write_bytes({"empty": b"", "cut": content[:-8]}.get(how, b"garbage"))
    with pytest.raises(StoreError, match=r"Shard 00002 of .* (missing or )?damaged"):
        PrivateStore(store.path, check=False)


@pytest.mark.parametrize("rows", [unit_rows(4, 64).astype(np.float64), unit_rows(3, 64), unit_rows(4, 32)])
def test_a_shard_of_other_numbers_is_refused(store, rows):
    np.save(store.path / "00001.vectors.npy", rows)
    with pytest.raises(StoreError, match=r"Shard 00001 of .* is damaged: it holds float"):
        PrivateStore(store.path, check=False)


@pytest.mark.parametrize("changes", [{"unheard_of": 1}, {"shards": [{"name": "x"}]}, {"shards": None}])
def test_a_damaged_manifest_is_refused(store, changes):
    edit(store.path / MANIFEST, **changes)
    with pytest.raises(StoreError, match="Expected a store manifest"):
        PrivateStore(store.path)


def test_a_manifest_of_another_format_is_refused(store):
    edit(store.path / MANIFEST, format=FORMAT + 1)
    with pytest.raises(StoreError, match=rf"Expected store format {FORMAT} in .*, found {FORMAT + 1}"):
        PrivateStore(store.path)


def test_a_manifest_that_is_no_json_is_refused(store):
    (store.path / MANIFEST).write_text('{"kind": "priv')
    with pytest.raises(StoreError, match="the file is damaged"):
        PrivateStore(store.path)


def test_a_manifest_is_read_as_it_was_written(tmp_path, store):
    manifest = dataclasses.replace(store.manifest, group_column="person", max_per_unit=3)
    (tmp_path / "m.json").write_text(manifest.to_json())
    assert Manifest.read(tmp_path / "m.json") == manifest


def test_another_encoder_is_named_with_what_differs(store, encoder):
    store.require_encoder(encoder.identity)
    other = {**encoder.identity, "weights_sha256": "f" * 64}
    with pytest.raises(
        StoreError, match=r"with the encoder dprdm_demo_clip with weights f{12}; .*differs in weights_sha256"
    ):
        store.require_encoder(other)
    with pytest.raises(StoreError, match=r"differs in model, preprocess_sha256"):
        store.require_encoder({**encoder.identity, "model": "a", "preprocess_sha256": "b"})


def test_hazard_11_the_fingerprint_is_drawn_not_computed(tmp_path, encoder, store):
    """A hash of private rows would let anybody test a guess of them."""
    build_store(Pictures(10), encoder, tmp_path / "again", PrivateStore, Count(), shard_rows=4)
    again = PrivateStore(tmp_path / "again")
    assert np.array_equal(again.vectors(np.arange(10)), store.vectors(np.arange(10)))
    assert again.fingerprint != store.fingerprint and len(store.fingerprint) == 32


def test_rows_of_persons(tmp_path):
    store = private_store(tmp_path, unit_rows(6, 4), groups=[[0, 5], [1, 2, 3]])
    assert (store.num_units, store.max_per_unit, len(store)) == (2, 3, 6)
    assert store.rows_of(np.array([1, 0])).tolist() == [0, 1, 2, 3, 5]
    assert store.rows_of(np.zeros(0, np.int64)).tolist() == []


def test_persons_of_one_row_each_are_persons(tmp_path):
    store = private_store(tmp_path, unit_rows(2, 4), groups=[[0], [1]])
    assert store.max_per_unit == 1 and store.unit_is_person and store.manifest.unit_is_person
    assert not private_store(tmp_path / "rows", unit_rows(2, 4)).unit_is_person


def test_hazard_18_rows_of_no_unit_in_an_old_store_are_neither_read_nor_counted(tmp_path):
    """Version 0.4 wrote rows that no unit owns."""
    store = private_store(tmp_path, unit_rows(20, 4), groups=[[0], [15], [16], [17], [18], [19]])
    assert (len(store), store.num_owned, store.num_units) == (20, 6, 6)
    assert store.rows_of(np.arange(store.num_units)).tolist() == [0, 15, 16, 17, 18, 19]


def test_rows_without_persons_are_units(tmp_path):
    for store in (private_store(tmp_path / "a", unit_rows(6, 4)), public_store(tmp_path / "b", unit_rows(6, 4))):
        assert (store.num_units, store.max_per_unit) == (6, 1)
        assert store.rows_of(np.array([2, 4])).tolist() == [2, 4]


def test_the_ledger_lies_beside_the_rows(store):
    assert store.ledger_path == store.path / "ledger.sqlite"


def test_rows_cannot_be_written_through_a_store(store):
    every = store.vectors(np.arange(10))
    every[:] = 0
    assert np.linalg.norm(store.vectors(np.arange(10)), axis=1).min() > 0.9
