import numpy as np
import pytest

from dprdm.runs.cached_arrays import cached_arrays


def test_measures_once_for_the_same_settings(tmp_path):
    calls = []

    def measure():
        calls.append(1)
        return {"a.b": np.arange(3.0)}

    path = tmp_path / "some" / "x.npz"
    for settings in ({"k": 1}, {"k": 1}, {"k": 2}, {"k": 2}):
        np.testing.assert_array_equal(cached_arrays(path, settings, measure)["a.b"], np.arange(3.0))
    assert len(calls) == 2
    path.write_bytes(b"PK damaged")
    cached_arrays(path, {"k": 2}, measure)
    assert len(calls) == 3
    assert [file.name for file in path.parent.iterdir()] == ["x.npz"]


def test_an_interruption_leaves_nothing(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_arrays(tmp_path / "x.npz", {}, interrupted)
    assert not list(tmp_path.iterdir())
