"""One private release that answers every later query, denoisers, and machines without the private store; front door."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dprdm.cli import main
from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo.fashion import FashionDemo
from dprdm.privacy.ledger import Ledger
from dprdm.retrieval.store import PrivateStore
from dprdm.runs.run_folder import Conditions
from tests.cli.front_door import SMALL, refusal, runs

pytestmark = pytest.mark.usefixtures("workplace")
PROMPTS = ("--prompt", "sandal", "--prompt", "coat", "--releases_per_prompt", "2", "--model.steps", "1")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options that name a small public collection of captioned images, embedded once."""
    folder = tmp_path_factory.mktemp("public")
    source = FashionDemo("pool")
    for index in range(0, len(source), 40):
        source.image(index).save(folder / f"{index:05d}.png")
        (folder / f"{index:05d}.txt").write_text(CLASS_NAMES[source.labels[index]])
    return (
        "--data.init_args.source", "dprdm.data.readers.folder.ImageFolder", "--data.init_args.source.init_args.folder", str(folder),
        "--data.init_args.store", str(folder / "store"), "--data.init_args.spread", "20",
    )  # fmt: skip


def codebook(public: tuple[str, ...], *more: str) -> int:
    return main(
        ["predict", "--config", "demo.yaml", *public, "--mechanism", "codebook", "--eps", "4", "--delta", "1e-4",
         "--private_store", "store", *PROMPTS, *more]
    )  # fmt: skip


def num_charges() -> int:
    store = PrivateStore(Path("store"))
    rows = Ledger(store.ledger_path, store.fingerprint).rows()
    return len([row for row in rows if row.kind == "charge"])


def test_one_charge_answers_all_prompts_and_those_that_come_later(public, capsys):
    assert codebook(public, "--name", "first") == 0
    assert codebook(public, "--name", "other", "--prompt", "bag", "--releases_per_prompt", "5") == 0
    assert num_charges() == 1
    printed = capsys.readouterr().out
    assert "Plan for any number of queries" in printed
    assert "One release for all queries: made now." in printed and "the stored one, free." in printed
    first = json.loads(Path("runs/first/certificate.json").read_text())
    other = json.loads(Path("runs/other/certificate.json").read_text())
    assert first["epsilon"] == other["epsilon"] == pytest.approx(4, rel=1e-3)
    assert (first["num_queries"], other["num_queries"]) == (4, 15)
    assert main(["verify", "runs/other", "--store", "store"]) == 0
    assert "The release in codebook.safetensors is the one certified." in capsys.readouterr().out


def test_another_reading_of_the_release_is_free(public):
    assert codebook(public, "--name", "cells") == 0
    assert codebook(public, "--name", "whole", "--mechanism.draws", "0") == 0
    assert num_charges() == 1
    cells, whole = (Conditions.load(Path(f"runs/{name}/conditions.safetensors")) for name in ("cells", "whole"))
    assert not np.allclose(cells.released[0], whole.released[0])  # one cell, and the mean of all
    assert np.allclose(whole.released[0], whole.released[1])


def test_it_answers_on_a_machine_without_the_private_store(public, capsys):
    assert codebook(public, "--name", "here") == 0
    shutil.move("runs/here", "carried")
    shutil.rmtree("store")
    there = ("predict", "--config", "demo.yaml", *public, "--codebook", "carried/codebook.safetensors", *PROMPTS)
    assert main([*there, "--name", "there"]) == 0
    here, other = (Conditions.load(Path(f"{run}/conditions.safetensors")) for run in ("carried", "runs/there"))
    np.testing.assert_array_equal(here.condition, other.condition)
    certificate = json.loads(Path("runs/there/certificate.json").read_text())
    assert certificate["epsilon"] == json.loads(Path("carried/certificate.json").read_text())["epsilon"]
    assert main(["verify", "runs/there"]) == 0
    whole = (
        "--mechanism",
        "codebook",
        "--mechanism.draws",
        "0",
        "--mechanism.share",
        "0.1",
        "--name",
        "read otherwise",
    )
    assert main([*there, *whole]) == 0
    assert "answered from carried/codebook.safetensors, free." in capsys.readouterr().out
    assert not Path("store").exists()


def test_a_codebook_that_was_changed_is_refused(public, capsys):
    assert codebook(public, "--name", "here") == 0
    file = Path("runs/here/codebook.safetensors")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    asked = ("predict", "--config", "demo.yaml", *public, "--codebook", str(file), *PROMPTS, "--name", "there")
    assert "hash differs" in refusal(capsys, asked)
    assert not Path("runs/there").exists()
    assert "hash differs" in refusal(capsys, ("verify", "runs/here"))


def test_a_file_that_is_no_release_is_refused(public, capsys):
    folder = Path(public[-3])
    assert codebook(public) == 0
    cells = next(folder.glob("codebook-*.safetensors"))
    asked = ("predict", "--config", "demo.yaml", *public, "--codebook", str(cells), *PROMPTS)
    assert "public cells alone" in refusal(capsys, asked)
    assert "there is none" in refusal(capsys, [*asked[: -len(PROMPTS) - 1], "nowhere.safetensors", *PROMPTS])


@pytest.mark.parametrize("denoiser", ["public_prior", "joint"])
def test_a_denoiser_changes_the_condition_and_not_the_release(public, denoiser):
    asked = (
        "predict",
        "--config",
        "demo.yaml",
        *public,
        "--mechanism",
        "gaussian",
        "--eps",
        "1",
        *SMALL[:-2],
        "--model.steps",
        "1",
    )
    assert main([*asked, "--name", "plain"]) == 0
    assert main([*asked, "--name", "denoised", "--denoiser", denoiser]) == 0
    plain, denoised = (Conditions.load(Path(f"runs/{name}/conditions.safetensors")) for name in ("plain", "denoised"))
    np.testing.assert_array_equal(plain.released, denoised.released)
    assert (denoised.noise_std < plain.noise_std).all()
    assert np.linalg.norm(denoised.condition) < np.linalg.norm(plain.condition)
    assert num_charges() == 1


def test_centered_releases_for_each_query_at_less_noise(public):
    asked = ("predict", "--config", "demo.yaml", *public, "--eps", "2", *SMALL[:-2], "--model.steps", "1")
    for mechanism in ("centered", "gaussian"):
        assert main([*asked, "--mechanism", mechanism, "--name", mechanism]) == 0
        assert main(["verify", f"runs/{mechanism}", "--store", "store"]) == 0
    centered, papers = (
        json.loads(Path(f"runs/{name}/certificate.json").read_text()) for name in ("centered", "gaussian")
    )
    assert centered["noise_std"] < papers["noise_std"]
    assert centered["noise_multiplier"] == pytest.approx(papers["noise_multiplier"], rel=0.01)
    assert len(runs()) == 2


def test_an_unknown_denoiser_is_one_sentence(public, capsys):
    asked = ("predict", "--config", "demo.yaml", *public, "--eps", "1", *SMALL, "--denoiser", "joined")
    assert "Did you mean 'joint'?" in refusal(capsys, asked)
