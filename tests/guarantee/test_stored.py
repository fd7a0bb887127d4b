import hashlib
import threading
import time

import numpy as np
import pytest

from dprdm.errors import LedgerError, StoreError
from dprdm.guarantee.stored import StoredReleases

A, B, C, Z = (hashlib.sha256(letter.encode()).hexdigest() for letter in "abcz")


def test_what_is_added_is_found_with_the_vectors_that_were_searched_with(tmp_path):
    stored, vectors = StoredReleases(tmp_path), np.arange(6.0).reshape(2, 3) / 7
    stored.add(3, [A, B], vectors, -vectors)
    stored.add(4, [C], vectors[:1], None)
    answers = stored.find([B, C, Z])
    assert set(answers) == {B, C}
    assert np.array_equal(answers[B].released, vectors[1])
    assert np.array_equal(answers[B].query, -vectors[1])
    assert answers[C].query is None


def test_what_another_process_added_since_is_found_too(tmp_path):
    stored = StoredReleases(tmp_path)
    assert stored.find([A]) == {}
    StoredReleases(tmp_path).add(3, [A], np.ones((1, 2)), None)
    assert set(stored.find([A])) == {A}


def test_the_first_answer_that_was_paid_counts(tmp_path):
    stored = StoredReleases(tmp_path)
    stored.add(7, [A], np.ones((1, 2)), None)
    stored.add(3, [A], np.zeros((1, 2)), None)
    assert np.array_equal(stored.find([A])[A].released, np.zeros(2))


def test_nothing_stored_yet(tmp_path):
    assert StoredReleases(tmp_path / "missing").find([A]) == {}


def test_a_damaged_file_is_named(tmp_path):
    StoredReleases(tmp_path).add(3, [A], np.ones((1, 2)), None)
    file = tmp_path / "00000003.safetensors"
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(StoreError, match=r"00000003\.safetensors is damaged"):
        StoredReleases(tmp_path).find([A])


def test_a_release_is_never_overwritten(tmp_path):
    stored = StoredReleases(tmp_path)
    stored.add(3, [A], np.ones((1, 2)), None)
    with pytest.raises(StoreError, match="left as it is"):
        stored.add(3, [B], np.zeros((1, 2)), None)
    assert np.array_equal(stored.find([A])[A].released, np.ones(2))


def test_a_ledger_older_than_a_release_is_refused(tmp_path):
    stored = StoredReleases(tmp_path)
    stored.add(5, [A], np.ones((1, 2)), None)
    stored.require_ledger(5)
    with pytest.raises(LedgerError, match=r"ends at row 4, and .*00000005\.safetensors"):
        stored.require_ledger(4)


def test_a_claim_keeps_others_from_the_same_requests(tmp_path):
    order, stored = [], StoredReleases(tmp_path)

    def other() -> None:
        with StoredReleases(tmp_path).claim([B, A]):
            order.append("other")

    with stored.claim([A]):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(20)
    assert order == ["first", "other"]
    assert stored.find([A]) == {}  # the file of claims is no release
