"""The files of Fashion-MNIST, and the rule that says which of its images are private."""

import numpy as np
import pytest

from dprdm.demo import cutting
from dprdm.demo.cutting import darkest, owned_by_the_shop, read_idx
from dprdm.errors import UserError
from tests.data.readers.idx import write_fashion, write_idx


@pytest.mark.parametrize("name", ["a-idx3-ubyte.gz", "a-idx3-ubyte"])
def test_an_idx_file_is_read_back_as_written(tmp_path, name):
    array = np.arange(24).reshape(2, 3, 4)
    write_idx(tmp_path / name, array)
    assert np.array_equal(read_idx(tmp_path / name), array)


@pytest.mark.parametrize("cut", [0, 3, 9, -5])
@pytest.mark.parametrize("name", ["a.gz", "a"])
def test_a_file_cut_short_is_named(tmp_path, name, cut):
    write_idx(tmp_path / name, np.arange(24).reshape(2, 3, 4))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:cut])
    with pytest.raises(UserError, match=rf"Expected an IDX file in .*{name}"):
        read_idx(tmp_path / name)


def test_the_shop_owns_the_darkest_of_each_class_among_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "PRIVATE_CANDIDATES", 60)
    images, labels = write_fashion(tmp_path)
    mark = owned_by_the_shop(images, labels)
    assert not mark[60:].any() and np.array_equal(mark[:60], darkest(images[:60], labels[:60]))
    for label in range(10):
        mine = np.flatnonzero(labels[:60] == label)
        brightness = images[mine, 0, 0]
        assert mark[mine].sum() == 2 and brightness[mark[mine]].max() < brightness[~mark[mine]].min()
