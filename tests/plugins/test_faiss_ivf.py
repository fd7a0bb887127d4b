import dataclasses

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dprdm.errors import StoreError, UserError
from dprdm.guarantee.description import describe
from dprdm.guarantee.plan import make_plan
from dprdm.guarantee.release import release
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers import exact
from dprdm.plugins.retrievers.faiss_ivf import FaissIvf, load_quantizer, train_quantizer
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger, create_ledger
from dprdm.privacy.noise import SecureNoise
from tests.fakes import private_store, public_store, unit_rows

CELLS, DIM = 5, 8


@pytest.fixture
def file(tmp_path):
    train_quantizer(public_store(tmp_path / "public", unit_rows(300, DIM)), CELLS, tmp_path / "quantizer.safetensors")
    return tmp_path / "quantizer.safetensors"


def _query(seed=9):
    return unit_rows(1, DIM, seed)[0].astype(np.float64)


def test_only_rows_of_the_probed_cells_compete(file, tmp_path):
    vectors = unit_rows(400, DIM, seed=3)
    store, quantizer = private_store(tmp_path / "private", vectors), load_quantizer(file)
    cells = (exact.quantise(vectors) @ exact.quantise(quantizer.centroids).T).argmax(axis=1)
    near = np.argsort(-quantizer.centroids @ _query())[:2]
    rows = np.flatnonzero(np.isin(cells, near))
    found = FaissIvf(file, nprobe=2).search(_query(), store, np.arange(400), 30)
    assert np.array_equal(found, exact.search(_query(), store, rows, 30))
    assert set(cells.tolist()) == set(range(CELLS))


def test_cells_are_functions_of_one_row(file):
    vectors, quantizer = unit_rows(3000, DIM, seed=3), load_quantizer(file)
    assert np.array_equal(quantizer.cells(vectors)[::-1], quantizer.cells(vectors[::-1]))
    assert quantizer.cells(vectors[1234:1235])[0] == quantizer.cells(vectors)[1234]
    assert len(quantizer.cells(vectors[:0])) == 0


def test_centroids_are_unit_and_the_same_every_time(file, tmp_path):
    centroids = load_quantizer(file).centroids
    assert np.allclose(np.linalg.norm(centroids, axis=1), 1, atol=1e-5)
    train_quantizer(public_store(tmp_path / "again", unit_rows(300, DIM)), CELLS, tmp_path / "again.safetensors")
    assert np.array_equal(load_quantizer(tmp_path / "again.safetensors").centroids, centroids)


def test_hazard_07_private_quantizers_are_refused(file, tmp_path):
    private = private_store(tmp_path / "private", unit_rows(50, DIM))
    with pytest.raises(UserError, match="move when one record comes or goes"):
        train_quantizer.__wrapped__(private, CELLS, tmp_path / "mine.safetensors")
    assert not (tmp_path / "mine.safetensors").exists()
    source = {"kind": "private", "store_fingerprint": private.fingerprint, "encoder": "{}"}
    save_file(load_file(file), tmp_path / "theirs.safetensors", source)
    with pytest.raises(UserError, match="Expected a quantizer of public rows"):
        FaissIvf(tmp_path / "theirs.safetensors")
    save_file(load_file(file), tmp_path / "mislabelled.safetensors", {**source, "kind": "public"})
    with pytest.raises(UserError, match="to be trained on another store"):
        FaissIvf(tmp_path / "mislabelled.safetensors", nprobe=1).require_store(private)


@pytest.mark.parametrize("content", [b"", b"no quantizer"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(StoreError, match="Expected a quantizer"):
        FaissIvf(tmp_path / "file")


def test_another_encoder_is_refused(file, tmp_path):
    save_file(
        load_file(file),
        tmp_path / "other",
        {"kind": "public", "store_fingerprint": "0", "encoder": '{"model": "ViT-B-32"}'},
    )
    with pytest.raises(StoreError, match="differs in model"):
        FaissIvf(tmp_path / "other", 1).require_store(private_store(tmp_path / "private", unit_rows(50, DIM)))


@pytest.mark.parametrize("nprobe", [0, CELLS + 1])
def test_as_many_cells_as_there_are(file, nprobe):
    with pytest.raises(UserError, match="nprobe"):
        FaissIvf(file, nprobe)


def test_what_is_certified_names_the_file_and_its_hash(file):
    fields = describe(FaissIvf(file, 2))["fields"]
    assert fields["quantizer"] == file.name  # where it lies does not make it another
    assert len(fields["quantizer_sha256"]) == 64


def test_a_quantizer_that_does_not_fit_is_refused_before_the_charge(file, tmp_path):
    store = private_store(tmp_path / "private", unit_rows(50, DIM))
    source = {"kind": "public", "store_fingerprint": store.fingerprint, "encoder": "{}"}
    save_file(load_file(file), tmp_path / "own.safetensors", source)
    create_ledger(store.ledger_path, store.fingerprint, Budget(10, 1e-5))
    ledger = Ledger(store.ledger_path, store.fingerprint)
    own = FaissIvf(tmp_path / "own.safetensors", 1)
    plan, rows = make_plan(Gaussian(k=5, sampling_rate=0.5), own, Budget(10, 1e-5), 1), len(ledger.rows())
    with pytest.raises(UserError, match="to be trained on another store"):
        release(_query()[None], store, plan, ledger, SecureNoise())
    assert len(ledger.rows()) == rows
    release(_query()[None], store, dataclasses.replace(plan, retriever=FaissIvf(file, 1)), ledger, SecureNoise())
    assert len(ledger.rows()) == rows + 1
