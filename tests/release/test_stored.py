import numpy as np
import pytest

from dprdm.errors import StoreError
from dprdm.release.stored import StoredReleases, request_key

SETTINGS = {"noise_std": 0.1, "store": "a"}
QUERY = np.array([0.6, 0.8])


def test_what_is_added_is_found(tmp_path):
    stored, vectors = StoredReleases(tmp_path), np.arange(6.0).reshape(2, 3) / 7
    stored.add(3, ["a", "b"], vectors)
    stored.add(4, ["c"], vectors[:1])
    found = stored.find(["b", "c", "z"])
    assert set(found) == {"b", "c"}
    assert np.array_equal(found["b"], vectors[1])


def test_the_first_answer_that_was_paid_counts(tmp_path):
    stored = StoredReleases(tmp_path)
    stored.add(7, ["a"], np.ones((1, 2)))
    stored.add(3, ["a"], np.zeros((1, 2)))
    assert np.array_equal(stored.find(["a"])["a"], np.zeros(2))


def test_nothing_stored_yet(tmp_path):
    assert StoredReleases(tmp_path / "missing").find(["a"]) == {}


def test_a_damaged_file_is_named(tmp_path):
    StoredReleases(tmp_path).add(3, ["a"], np.ones((1, 2)))
    file = tmp_path / "00000003.safetensors"
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(StoreError, match=r"00000003\.safetensors is damaged"):
        StoredReleases(tmp_path).find(["a"])


def test_keys_differ_where_requests_do():
    requests = [
        (QUERY, 0, SETTINGS),
        (QUERY, 1, SETTINGS),
        (QUERY[::-1], 0, SETTINGS),
        (QUERY, 0, {**SETTINGS, "noise_std": 0.2}),
        (QUERY, 0, {**SETTINGS, "store": "b"}),
        (None, 0, SETTINGS),
    ]
    assert len({request_key(*request) for request in requests}) == len(requests)
    same = request_key(QUERY.astype(np.float32).astype(np.float64), 0, SETTINGS)
    assert same == request_key(QUERY.astype(np.float32), 0, dict(reversed(SETTINGS.items())))
