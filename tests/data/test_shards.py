"""One shard: images are decoded ahead of the encoder, but no more of them than memory holds."""

import numpy as np

from dprdm.data import shards
from dprdm.data.shards import write_shard
from tests.data.pictures import Count, Pictures


class Batches:
    """An encoder that remembers how many images it was given at once."""

    dim, identity = 4, {"model": "batches"}

    def __init__(self):
        self.sizes = []

    def images(self, images):
        self.sizes.append(len(images))
        return np.eye(4, dtype=np.float32)[np.zeros(len(images), int)]


def test_fewer_large_images_are_decoded_ahead(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "READ_AHEAD", 5)
    for pixels, sizes in ((1 << 26, [5, 5, 2]), (28 * 28 * 3, [3, 3, 3, 3]), (1, [1] * 12)):
        monkeypatch.setattr(shards, "READ_AHEAD_PIXELS", pixels)
        encoder, count = Batches(), Count()
        write_shard(tmp_path, "0", Pictures(14, broken=(0, 9)), range(14), encoder, count)
        assert encoder.sizes == sizes and count.total == 14
        assert np.load(tmp_path / "0.index.npy").tolist() == [*range(1, 9), *range(10, 14)]
