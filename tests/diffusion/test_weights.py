"""Weights come out as they went in, whichever way."""

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from dprdm.diffusion.schedule import ScheduleConfig
from dprdm.diffusion.weights import CONDITION, read_weights, save_folder
from dprdm.errors import UserError
from tests.diffusion.networks import TINY, tiny


def saved(folder, **changes):
    network = tiny(**changes)
    folder.mkdir()
    save_folder(network, ScheduleConfig().forward_process(), folder)
    return network


@pytest.mark.parametrize(
    "changes",
    [{}, {"trains_null": False}, {"knows_noise": False}, {"condition_scale": 8.0}, {"reads_query": True}],
    ids=str,
)
def test_a_folder_gives_back_the_network(tmp_path, changes):
    network = saved(tmp_path / "x", **changes)
    again = read_weights(tmp_path / "x", network.config)
    assert set(again) == set(network.state_dict())
    assert all(torch.equal(again[name], tensor) for name, tensor in network.state_dict().items())


def test_diffusers_reads_the_folder(tmp_path):
    network = saved(tmp_path / "x")
    unet = UNet2DConditionModel.from_pretrained(str(tmp_path / "x"))
    assert all(torch.equal(unet.state_dict()[name], tensor) for name, tensor in network.unet.state_dict().items())
    assert (tmp_path / "x" / "scheduler" / "scheduler_config.json").is_file()
    assert load_file(tmp_path / "x" / CONDITION)["condition_scale"] == 1


def test_a_plain_diffusers_network_has_the_zero_null_condition(tmp_path):
    tiny().unet.save_pretrained(str(tmp_path / "pipeline" / "unet"))
    assert not read_weights(tmp_path / "pipeline", TINY)["null_condition"].any()


def test_another_scale_is_refused(tmp_path):
    saved(tmp_path / "x", condition_scale=8.0)
    with pytest.raises(UserError, match="condition_scale=1 "):
        read_weights(tmp_path / "x", TINY)


def test_an_empty_folder_and_a_hub_id_without_internet_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"Expected a diffusers UNet2DConditionModel in .*empty"):
        read_weights(tmp_path / "empty", TINY)
    with pytest.raises(UserError, match=r"Expected weights at nobody/nothing, .* as a hub id it cannot be had"):
        read_weights(Path("nobody/nothing"), TINY)
