import sys

import numpy as np

from dprdm.plugins.retrievers.exact import search
from dprdm.privacy.noise import SecureNoise
from tests.benchmarks.scripts import script

retrieval = script("retrieval")


def test_prints_a_row_a_rate_and_removes_its_store(tmp_path, monkeypatch, capsys):
    asked = ["--rows", "3000", "--dim", "16", "--repeats", "1", "--rates", "0.1", "0.01", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["retrieval.py", *asked])
    retrieval.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[3].strip() for line in lines[2:]] == ["0.1", "0.01"]
    assert {line.count("|") for line in lines} == {len(retrieval.COLUMNS) + 1}
    assert list(tmp_path.iterdir()) == []


def test_both_ways_search_the_same_rows(tmp_path):
    """With everybody in the sample they find the same, so that like is timed with like."""
    store = retrieval.write_store(tmp_path / "store", 1000, 16)
    published = retrieval.Published(retrieval.flat_index(store), 5)
    query = next(retrieval.random_rows(1, 16))[0].astype(np.float64)
    ours = retrieval.Ours(store, SecureNoise(), 5).search(query, 1.0)
    assert ours.tolist() == search(query, store, np.arange(1000), 5).tolist()
    for way in (published.batch, published.bitmap):
        assert sorted(way(query, 1.0)[1][0].tolist()) == sorted(ours.tolist())
