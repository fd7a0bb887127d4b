"""Checkpoints are opened without running them, and every tensor is taken, left out by name, or refused by name."""

from pathlib import Path

import pytest
import torch

from dprdm.convert.checkpoint import read_checkpoint, read_tensors, take_apart
from dprdm.diffusion.schedule import ScheduleConfig
from dprdm.errors import UserError
from tests.convert.checkpoints import UNET, Malicious, checkpoint_state, save_as_lightning_did
from tests.convert.compvis_reference import random_first_stage, random_unet


def test_reads_what_lightning_wrote(tmp_path):
    parts = read_checkpoint(save_as_lightning_did(tmp_path / "model.ckpt", checkpoint_state()))
    assert set(parts.unet) == set(random_unet(**UNET))
    assert set(parts.first_stage) == set(random_first_stage((32, 32), blocks=1, codes=16))
    assert parts.schedule == ScheduleConfig("scaled_linear", 0.0015, 0.0195)
    assert parts.scale == 1 and parts.left_out == {"cond_stage_model.": 1, "first_stage_model.loss.": 1}


@pytest.mark.parametrize(("averaged", "seed"), [(True, 2), (False, 1)])
def test_the_average_is_preferred_where_there_is_one(averaged, seed):
    parts = take_apart(checkpoint_state(averaged))
    assert parts.is_averaged == averaged
    for name, tensor in random_unet(**UNET, seed=seed).items():
        assert torch.equal(parts.unet[name], tensor), name


def test_a_first_stage_by_itself_and_a_bare_state_dict_are_read(tmp_path):
    stage = random_first_stage((32, 32), blocks=1, codes=16)
    torch.save({"state_dict": {**stage, "loss.discriminator.main.0.weight": torch.zeros(3)}}, tmp_path / "vq.ckpt")
    parts = read_checkpoint(tmp_path / "vq.ckpt")
    assert set(parts.first_stage) == set(stage) and not parts.unet and parts.schedule is None
    torch.save(checkpoint_state(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert read_checkpoint(tmp_path / "old.pt").unet


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": checkpoint_state(), "hyper_parameters": Malicious()}, "bad.ckpt")
    with pytest.raises(UserError, match=r"tensors alone in bad\.ckpt, and it would run code"):
        read_tensors(Path("bad.ckpt"))
    assert not Path("was-run").exists()
    torch.load("bad.ckpt", weights_only=False)  # control: the file is what it is said to be
    assert Path("was-run").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=r"Expected .* in .*x\.ckpt"):
        read_tensors(tmp_path / "x.ckpt")


@pytest.mark.parametrize("content", [{}, [1], {"state_dict": {"a": 1}}, {"state_dict": None}], ids=str)
def test_a_file_without_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(UserError, match="named tensors"):
        read_tensors(tmp_path / "x.ckpt")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"retrieval_encoder.layer.weight": torch.zeros(1)}, r"retrieval_encoder\.layer\.weight belongs to no part"),
        ({"model.mystery.weight": torch.zeros(1)}, r"model\.mystery\.weight belongs to no part"),
        ({"model_ema.diffusion_modelmysteryweight": torch.zeros(1)}, "diffusion_modelmysteryweight is odd"),
        ({"betas": torch.linspace(0.1, 0.2, 1000) ** 3}, "Expected 1000 betas"),
        ({"betas": torch.linspace(0.1, 0.2, 10)}, "Expected 1000 betas"),
    ],
)
def test_what_has_no_place_is_refused_by_name(change, sentence):
    with pytest.raises(UserError, match=sentence):
        take_apart(checkpoint_state() | change)


def test_schedule_and_scale_are_read():
    parts = take_apart(
        checkpoint_state() | {"betas": torch.linspace(1e-4, 0.02, 1000), "scale_factor": torch.tensor(0.5)}
    )
    assert parts.schedule == ScheduleConfig("linear", 1e-4, 0.02)
    assert parts.scale == 0.5
