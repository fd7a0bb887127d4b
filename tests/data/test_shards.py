"""One shard: images are decoded as the encoder asks for them, so that no more of them than memory holds are there."""

import numpy as np
import pytest

from dprdm.data.shards import write_shard
from dprdm.errors import UserError
from tests.data.pictures import Count, Pictures


class Asking:
    """An encoder that says how many images were decoded when it had asked for one after another."""

    dim, identity = 4, {"model": "asking"}

    def __init__(self, value=1.0):
        self.value, self.decoded = value, []

    def images(self, images):
        for _ in images:
            self.decoded.append(len(self.decoded) + 1)
        return self.value * np.eye(4, dtype=np.float32)[np.zeros(len(self.decoded), int)]


class Counting(Pictures):
    """Images that count how often they were decoded."""

    decoded = 0

    def image(self, index):
        picture = super().image(index)
        self.decoded += 1
        return picture


def test_images_are_decoded_when_they_are_asked_for(tmp_path):
    source, seen = Counting(6), []

    class Looking(Asking):
        def images(self, images):
            for _ in images:
                seen.append(source.decoded)
            return np.eye(4, dtype=np.float32)[np.zeros(len(seen), int)]

    write_shard(tmp_path, "0", source, range(6), Looking(), Count())
    assert seen == [1, 2, 3, 4, 5, 6]


def test_unreadable_images_are_left_out_and_counted(tmp_path):
    encoder, count = Asking(), Count()
    write_shard(tmp_path, "0", Pictures(14, broken=(0, 9)), range(14), encoder, count)
    assert len(encoder.decoded) == 12 and count.total == 14
    assert np.load(tmp_path / "0.index.npy").tolist() == [*range(1, 9), *range(10, 14)]


def test_a_shard_of_unreadable_images_is_empty(tmp_path):
    write_shard(tmp_path, "0", Pictures(2, broken=(0, 1)), range(2), Asking(), Count())
    assert np.load(tmp_path / "0.vectors.npy").shape == (0, 4)


def test_vectors_that_are_not_of_unit_norm_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"Expected unit vectors from the encoder; 1\.png gave one that is not"):
        write_shard(tmp_path, "0", Pictures(3, broken=(0,)), range(3), Asking(value=2.0), Count())
    assert not list(tmp_path.iterdir())
