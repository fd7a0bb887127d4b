"""One store in many shards answers as one store in one: drawn over all rows, searched exactly, noised once."""

from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from dprdm.data.index import build_store
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import FashionDemo
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.store import PrivateStore
from tests.fakes import coins


class Few(FashionDemo):
    """The first hundred private garments."""

    def __len__(self) -> int:
        return 100


@pytest.fixture(scope="module")
def encoder() -> DemoEncoder:
    return DemoEncoder()


@pytest.mark.parametrize("shard_rows", [1, 7, 33])
def test_shards_change_nothing(tmp_path: Path, encoder: DemoEncoder, shard_rows: int) -> None:
    queries = encoder.texts(["coat", "sandal", "bag"])
    answers = []
    for rows in (1000, shard_rows):
        path = tmp_path / str(rows)
        build_store(Few("private"), encoder, path, PrivateStore, tqdm(disable=True), rows)
        store = PrivateStore(path)
        released = Gaussian(k=4, sampling_rate=0.3).release(queries, store, Exact(), 0.1, SecureNoise(coins(1)))
        answers.append((len(store), released))
    assert answers[0][0] == answers[1][0] == 100
    # Rows embedded one by one differ from rows embedded together in the last bits; the noise is drawn once and is the same.
    np.testing.assert_allclose(answers[0][1], answers[1][1], atol=1e-5)
