"""The store of a public collection is made once, of the images that are there, by the encoder that is named."""

import pytest

from dprdm.data.opening import open_public_store
from dprdm.errors import StoreError
from tests.data.pictures import Pictures, demo_encoder


@pytest.fixture(scope="module")
def encoder():
    return demo_encoder()


def test_it_is_made_once_and_what_was_left_out_is_named(tmp_path, encoder, caplog):
    source = Pictures(12, broken=(0, 5))
    first = open_public_store(source, encoder, tmp_path)
    assert [record.message for record in caplog.records] == [f"Left out, cannot be read: {n}.png" for n in (0, 5)]
    assert len(first) == 10 and open_public_store(source, encoder, tmp_path).fingerprint == first.fingerprint
    assert len(caplog.records) == 2


@pytest.mark.parametrize("other", [Pictures(13), Pictures(12, keys=[f"{n}.jpg" for n in range(12)])])
def test_other_images_or_another_encoder_are_refused(tmp_path, encoder, other):
    open_public_store(Pictures(12), encoder, tmp_path)
    with pytest.raises(StoreError, match="made of the images that are there now; it was made of 12"):
        open_public_store(other, encoder, tmp_path)
    different = demo_encoder()
    different.identity = {**different.identity, "model": "another"}
    with pytest.raises(StoreError, match="differs in model"):
        open_public_store(Pictures(12), different, tmp_path)
