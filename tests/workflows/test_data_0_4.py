"""What version 0.4 has left is opened, verified and answered from: no budget is spent twice.

tests/data_0_4 holds a private store of 60 garments with its ledger and two charges, a public store of 80, and the runs of
these two commands of 0.4.0, without their images:

    predict --mechanism gaussian --eps 10 --private_store store --mechanism.k 5 --mechanism.sampling_rate 0.3 --queries 40
        --prompt sandal --prompt coat --releases_per_prompt 2 --model.steps 2 --name first
    predict --mechanism codebook --mechanism.max_cells 8 --eps 4 --delta 1e-4 --private_store store (...) --name once
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import dprdm
from dprdm.cli import main
from dprdm.retrieval.store import PublicStore
from dprdm.runs.run_folder import Conditions
from dprdm.types import Embeddings

DATA = Path(__file__).parents[1] / "data_0_4"


class EncoderOfThen:
    """The vectors that version 0.4 computed on its machine: their last bits name its releases."""

    def __init__(self, store: dprdm.Store) -> None:
        conditions = Conditions.load(DATA / "first" / "conditions.safetensors")
        prompts = [request.prompt for request in conditions.requests]
        self.vectors = dict(zip(prompts, conditions.queries, strict=True))
        self.identity = store.encoder_identity

    def texts(self, captions: Sequence[str]) -> Embeddings:
        return np.stack([self.vectors[caption] for caption in captions])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dprdm.PrivateStore:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DATA, tmp_path / "data")
    store = dprdm.Store("data/store")
    assert isinstance(store, dprdm.PrivateStore)
    return store


def charges(store: dprdm.PrivateStore) -> int:
    rows = dprdm.Ledger(store.ledger_path, store.fingerprint).rows()
    return len([row for row in rows if row.kind == "charge"])


def test_its_releases_are_found_again_by_the_vectors_that_named_them(store: dprdm.PrivateStore) -> None:
    plan = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.3), epsilon=10, num_queries=40)
    release = dprdm.release(store, ["sandal", "coat"], plan, 2, encoder=EncoderOfThen(store))
    assert release.receipt is not None and (release.receipt.num_charged, release.receipt.num_stored) == (0, 4)
    then = dprdm.Release.load("data/first")
    np.testing.assert_array_equal(release.vectors, then.vectors)
    assert release.certificate.epsilon == pytest.approx(then.certificate.epsilon, rel=1e-6)
    assert charges(store) == 2


def test_another_prompt_is_paid_for_and_stored_beside_them(store: dprdm.PrivateStore) -> None:
    plan = dprdm.plan(store, dprdm.Gaussian(k=5, sampling_rate=0.3), epsilon=10, num_queries=40)
    encoder = dprdm.load_encoder("demo")
    for charged in (1, 0):
        release = dprdm.release(store, ["bag"], plan, encoder=encoder)
        assert release.receipt is not None and release.receipt.num_charged == charged
    assert charges(store) == 3
    assert len(list((store.path / "releases").glob("*.safetensors"))) == 3


def test_its_codebook_release_is_found_again(store: dprdm.PrivateStore) -> None:
    codebook = dprdm.Codebook(max_cells=8)
    plan = dprdm.plan(store, codebook, epsilon=4, delta=1e-4, num_queries=4, public=PublicStore(Path("data/public")))
    release = dprdm.release(store, ["sandal", "bag"], plan, encoder=dprdm.load_encoder("demo"))
    assert release.receipt is not None and (release.receipt.num_charged, release.receipt.num_stored) == (0, 1)
    assert charges(store) == 2


def test_its_codebook_file_answers_without_the_store(store: dprdm.PrivateStore) -> None:
    shutil.rmtree(store.path)
    codebook = dprdm.load_codebook("data/once/codebook.safetensors")
    release = dprdm.release_from_codebook(codebook, ["bag"], dprdm.load_encoder("demo"))
    assert release.certificate.epsilon == codebook.certificate.epsilon
    assert np.isfinite(release.vectors).all()


@pytest.mark.parametrize("run", ["first", "once"])
def test_its_runs_hold(run: str, store: dprdm.PrivateStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", f"data/{run}", "--store", "data/store"]) == 0
    assert "as certified, and its chain is unbroken" in capsys.readouterr().out


def test_its_conditions_are_drawn_with_the_config_beside_them(store: dprdm.PrivateStore) -> None:
    shutil.rmtree(store.path)
    assert main(["render", "data/first/conditions.safetensors"]) == 0
    assert len(list(Path("data/first/images").rglob("*.png"))) == 4


def test_its_ledger_is_shown(store: dprdm.PrivateStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "show", "data/store"]) == 0
    assert "codebook" in capsys.readouterr().out
