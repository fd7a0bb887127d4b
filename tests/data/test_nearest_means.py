import numpy as np
import pytest

from dprdm.data.nearest_means import nearest_means
from tests.fakes import public_store, unit_rows


@pytest.mark.parametrize("block", [7, 1000])
def test_means_are_of_the_nearest_rows(tmp_path, monkeypatch, block):
    monkeypatch.setattr("dprdm.data.nearest_means.BLOCK", block)
    rows, queries = unit_rows(50, 8), unit_rows(3, 8, seed=1)
    means = nearest_means(queries, public_store(tmp_path / "public", rows), 4)
    expected = np.stack([rows[np.argsort(-(rows @ query))[:4]].mean(0) for query in queries])
    np.testing.assert_allclose(means, expected, rtol=1e-5)
