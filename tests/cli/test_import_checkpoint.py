"""`import-checkpoint` and `export-checkpoint`, through the front door, up to the image."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from diffusers import VQModel
from PIL import Image
from safetensors.torch import load_file

from dprdm.cli import main
from dprdm.demo import DEMO
from tests.cli.front_door import SMALL, predict, refusal
from tests.convert.checkpoints import UNET, Malicious, checkpoint_state, save_as_lightning_did
from tests.convert.compvis_reference import Unet, random_first_stage, random_unet

LIKE = ("--latent_size", "8")


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(save_as_lightning_did(Path("rdm.ckpt"), checkpoint_state()))


def test_a_converted_checkpoint_draws_images(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_as_lightning_did(Path("rdm.ckpt"), checkpoint_state())
    assert main(["import-checkpoint", "rdm.ckpt", "--out", "models/rdm", *LIKE]) == 0
    out = capsys.readouterr().out
    assert "averaged over training" in out and "Left out: cond_stage_model.* (1 tensors)" in out
    assert sorted(path.name for path in Path("models/rdm").iterdir()) == [
        "first_stage",
        "generator.safetensors",
        "model.yaml",
    ]
    configs = ("--config", "demo.yaml", "--config", "models/rdm/model.yaml")
    assert main(["predict", *configs, *SMALL, "--name", "imported"]) == 0
    images = sorted(Path("runs/imported/images").rglob("*.png"))
    assert len(images) == 6
    with Image.open(images[0]) as image:
        assert image.size == (16, 16) and image.mode == "RGB" and np.asarray(image).std() > 1


def test_the_written_network_is_theirs(checkpoint: str) -> None:
    from dprdm.diffusion.network import ConditionedUNet, NetworkConfig

    assert main(["import-checkpoint", checkpoint, "--out", "x", *LIKE]) == 0
    described = yaml.safe_load(Path("x/model.yaml").read_text())["model"]["init_args"]
    network = ConditionedUNet(NetworkConfig(**described["network"])).eval()
    network.load_state_dict(load_file("x/generator.safetensors"))
    draw = torch.Generator().manual_seed(0)
    latents, context = torch.randn(2, 3, 8, 8, generator=draw), torch.randn(2, 1, 64, generator=draw)
    with torch.inference_mode():
        ours = network(latents, torch.tensor([5, 500]), context, torch.zeros(2))
        theirs = Unet(random_unet(**UNET, seed=2))(latents, torch.tensor([5, 500]), context)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert described["schedule"] == {
        "beta_schedule": "scaled_linear", "beta_start": 0.0015, "beta_end": 0.0195, "prediction": "epsilon",
    }  # fmt: skip


def test_the_null_condition_is_zero_or_theirs(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-checkpoint", checkpoint, "--out", "zero", *LIKE]) == 0
    assert main(["import-checkpoint", checkpoint, "--out", "own", *LIKE, "--own_null"]) == 0
    assert not load_file("zero/generator.safetensors")["null_condition"].any()
    assert (load_file("own/generator.safetensors")["null_condition"] == 0.5).all()
    state = checkpoint_state()
    del state["unconditional_guidance_vex"]
    torch.save(state, "without.ckpt")
    asked = ["import-checkpoint", "without.ckpt", "--out", "none", *LIKE, "--own_null"]
    assert "Leave --own_null out" in refusal(capsys, asked)


def test_a_first_stage_alone_becomes_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": random_first_stage((32, 32), blocks=1, codes=16)}, "vq-f4.ckpt")
    assert main(["import-checkpoint", "vq-f4.ckpt"]) == 0
    assert VQModel.from_pretrained("models/vq-f4").config.scaling_factor == 1


def test_refusals_leave_nothing(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": checkpoint_state(), "hyper_parameters": Malicious()}, "bad.ckpt")
    torch.save({"state_dict": checkpoint_state() | {"mystery": torch.zeros(1)}}, "odd.ckpt")
    torch.save({"state_dict": {"betas": checkpoint_state()["betas"]}}, "empty.ckpt")
    for file, sentence in [
        ("none.ckpt", "Expected file=none.ckpt to be a file, and there is none."),
        ("bad.ckpt", "it would run code to be opened"),
        ("odd.ckpt", "mystery belongs to no part"),
        ("empty.ckpt", "Expected a network or a first stage in empty.ckpt"),
    ]:
        assert sentence in refusal(capsys, ["import-checkpoint", file, "--out", "x"])
    assert "latent_size=0" in refusal(capsys, ["import-checkpoint", checkpoint, "--out", "x", "--latent_size", "0"])
    assert not Path("x").exists() and not list(Path().glob(".x*")) and not Path("was-run").exists()
    Path("x").mkdir()
    assert "Expected nothing at x yet" in refusal(capsys, ["import-checkpoint", checkpoint, "--out", "x"])


def test_an_exported_folder_draws_the_same_images(workplace: Path) -> None:
    weights = str(DEMO / "generator.safetensors")
    assert main(["export-checkpoint", weights, "--like", "demo.yaml", "--out", "folder"]) == 0
    assert predict("--name", "file") == 0
    assert predict("--name", "folder", "--weights", "folder") == 0
    for path in Path("runs/file/images").rglob("*.png"):
        assert path.read_bytes() == (Path("runs/folder") / path.relative_to("runs/file")).read_bytes()


def test_export_says_what_it_needs(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--like CONFIG" in refusal(capsys, ["export-checkpoint", "x.safetensors"])
    Path("empty.yaml").write_text("model: 3\n")
    assert "model.init_args.network" in refusal(capsys, ["export-checkpoint", "x.safetensors", "--like", "empty.yaml"])
    assert "Expected weights at x.safetensors" in refusal(
        capsys, ["export-checkpoint", "x.safetensors", "--like", "demo.yaml"]
    )
    assert not Path("x").exists()
