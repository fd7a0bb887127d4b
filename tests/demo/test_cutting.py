"""The rule that says which images of Fashion-MNIST are private in the demo."""

import numpy as np

from dprdm.demo import cutting
from dprdm.demo.cutting import darkest, owned_by_the_shop
from tests.data.readers.idx import write_fashion


def test_the_shop_owns_the_darkest_of_each_class_among_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "PRIVATE_CANDIDATES", 60)
    images, labels = write_fashion(tmp_path)
    mark = owned_by_the_shop(images, labels)
    assert not mark[60:].any() and np.array_equal(mark[:60], darkest(images[:60], labels[:60]))
    for label in range(10):
        mine = np.flatnonzero(labels[:60] == label)
        brightness = images[mine, 0, 0]
        assert mark[mine].sum() == 2 and brightness[mark[mine]].max() < brightness[~mark[mine]].min()
