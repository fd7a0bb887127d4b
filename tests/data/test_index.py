"""Indexing: whole shards or none, nothing twice, nothing silently wrong."""

import json

import numpy as np
import pytest

from dprdm.data.index import build_store
from dprdm.errors import StoreError, UserError
from dprdm.retrieval.store import MANIFEST, PrivateStore, PublicStore
from tests.data.pictures import Count, Pictures, demo_encoder


@pytest.fixture(scope="module")
def encoder():
    return demo_encoder()


class Other:
    """An encoder of another name, and whatever vectors it is given."""

    dim = 64

    def __init__(self, vector):
        self.vector, self.identity = vector, {"model": "other"}

    def images(self, images):
        return np.repeat(np.asarray(self.vector, np.float32)[None], len(list(images)), axis=0)


def rows_of(store):
    return store.vectors(np.arange(len(store)))


def keys_of(path):
    return [json.loads(line) for file in sorted(path.glob("*.keys.jsonl")) for line in file.read_text().splitlines()]


def test_rows_are_the_encoders_in_order_over_all_shards(tmp_path, encoder):
    source, count = Pictures(10), Count()
    report = build_store(source, encoder, tmp_path / "s", PublicStore, count, shard_rows=4)
    store = PublicStore(tmp_path / "s")
    assert (report.rows, report.skipped, count.total) == (10, (), 10)
    assert [shard.rows for shard in store.manifest.shards] == [4, 4, 2]
    expected = encoder.images([source.image(index) for index in range(10)])
    assert np.allclose(rows_of(store), expected, atol=1e-6)
    assert store.source_index().tolist() == list(range(10)) and keys_of(tmp_path / "s") == [
        f"{i}.png" for i in range(10)
    ]
    store.require_encoder(encoder.identity)


def test_an_interrupted_index_goes_on_and_ends_as_an_unbroken_one(tmp_path, encoder):
    with pytest.raises(KeyboardInterrupt):
        build_store(Pictures(10, stop_at=6), encoder, tmp_path / "broken", PrivateStore, Count(), shard_rows=4)
    assert not (tmp_path / "broken" / MANIFEST).exists()
    with pytest.raises(StoreError, match="Expected a finished store"):
        PrivateStore(tmp_path / "broken")
    first = (tmp_path / "broken" / "00000.vectors.npy").stat().st_mtime_ns
    count = Count()
    build_store(Pictures(10), encoder, tmp_path / "broken", PrivateStore, count, shard_rows=4)
    build_store(Pictures(10), encoder, tmp_path / "whole", PrivateStore, Count(), shard_rows=4)
    assert (tmp_path / "broken" / "00000.vectors.npy").stat().st_mtime_ns == first and count.total == 10
    broken, whole = PrivateStore(tmp_path / "broken"), PrivateStore(tmp_path / "whole")
    assert np.array_equal(rows_of(broken), rows_of(whole))
    assert broken.manifest.shards == whole.manifest.shards and keys_of(broken.path) == keys_of(whole.path)


def test_an_interrupted_index_leaves_no_half_files(tmp_path, encoder):
    with pytest.raises(KeyboardInterrupt):
        build_store(Pictures(10, stop_at=6), encoder, tmp_path, PrivateStore, Count(), shard_rows=4)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"begun.json", "00000.vectors.npy", "00000.index.npy", "00000.keys.jsonl", "00000.json"}


def test_what_was_begun_with_other_images_or_another_encoder_is_not_gone_on_with(tmp_path, encoder):
    with pytest.raises(KeyboardInterrupt):
        build_store(Pictures(10, stop_at=6), encoder, tmp_path, PrivateStore, Count(), shard_rows=4)
    for source, other, kind in [
        (Pictures(11), encoder, PrivateStore),
        (Pictures(10), Other(np.eye(64)[0]), PrivateStore),
        (Pictures(10), encoder, PublicStore),
    ]:
        with pytest.raises(StoreError, match="begun with other images or another encoder"):
            build_store(source, other, tmp_path, kind, Count(), shard_rows=4)


def test_unreadable_images_are_listed_and_left_out(tmp_path, encoder):
    count = Count()
    report = build_store(Pictures(9, broken=(0, 4, 8)), encoder, tmp_path, PrivateStore, count, shard_rows=4)
    store = PrivateStore(tmp_path)
    assert report.rows == len(store) == 6 and report.skipped == ("0.png", "4.png", "8.png") and count.total == 9
    assert store.source_index().tolist() == [1, 2, 3, 5, 6, 7]
    assert keys_of(tmp_path) == [f"{index}.png" for index in (1, 2, 3, 5, 6, 7)]


def test_a_whole_shard_may_be_unreadable(tmp_path, encoder):
    build_store(Pictures(6, broken=(2, 3)), encoder, tmp_path, PrivateStore, Count(), shard_rows=2)
    store = PrivateStore(tmp_path)
    assert len(store) == 4 and rows_of(store).shape == (4, 64)


def test_nothing_readable_is_refused(tmp_path, encoder):
    with pytest.raises(UserError, match=r"all 2 were broken: 0\.png"):
        build_store(Pictures(2, broken=(0, 1)), encoder, tmp_path, PrivateStore, Count())


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 2.0])
def test_hazard_10_vectors_that_are_not_unit_are_refused_by_name(tmp_path, bad):
    vector = np.eye(64)[0]
    vector[0] = bad
    with pytest.raises(UserError, match=r"0\.png gave one that is not"):
        build_store(Pictures(3), Other(vector), tmp_path, PrivateStore, Count())
    assert not (tmp_path / MANIFEST).exists()


def test_a_finished_store_is_not_written_over(tmp_path, encoder):
    build_store(Pictures(3), encoder, tmp_path, PrivateStore, Count())
    before = PrivateStore(tmp_path).fingerprint
    with pytest.raises(StoreError, match="Expected no store in"):
        build_store(Pictures(3), encoder, tmp_path, PrivateStore, Count())
    assert PrivateStore(tmp_path).fingerprint == before


def test_a_folder_with_something_else_in_it_is_refused(tmp_path, encoder):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StoreError, match="to be empty or an index to go on with"):
        build_store(Pictures(3), encoder, tmp_path, PrivateStore, Count())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("shard_rows", [2, 65_536])
def test_hazard_09_a_key_stored_twice_is_refused(tmp_path, encoder, shard_rows):
    source = Pictures(4, keys=["a", "b", "c", "a"])
    with pytest.raises(StoreError, match=r'"?a"? is there twice'):
        build_store(source, encoder, tmp_path, PrivateStore, Count(), shard_rows)
    assert not (tmp_path / MANIFEST).exists()


def test_the_fingerprint_is_drawn_and_says_nothing_of_the_rows(tmp_path, encoder):
    for name in "ab":
        build_store(Pictures(3), encoder, tmp_path / name, PrivateStore, Count())
    first, second = PrivateStore(tmp_path / "a"), PrivateStore(tmp_path / "b")
    assert np.array_equal(rows_of(first), rows_of(second)) and first.fingerprint != second.fingerprint
