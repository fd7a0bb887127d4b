"""Weights of the network: our file, or a diffusers folder, here or on the hub."""

from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from dprdm.diffusion.network import ConditionedUNet, NetworkConfig
from dprdm.errors import UserError

CONDITION = "condition.safetensors"  # beside diffusers' files: the null condition and the scale, which it does not know


def read_weights(path: Path, config: NetworkConfig) -> dict[str, Tensor]:
    """Read the tensors of a `ConditionedUNet`, by its names.

    Args:
        path: a file that `fit` exported; or a folder with a diffusers UNet2DConditionModel, by itself or in `unet/`; or,
            where there is internet, the hub id of one. Where a folder has no condition.safetensors, the null condition is zero.
        config: of the network that they are for.
    Raises:
        UserError: if there are none, or they cannot be read.
    """
    if path.is_file():
        return _read_file(path)
    folder = path if path.is_dir() else _download(path)
    unet = _read_unet(folder / "unet" if (folder / "unet").is_dir() else folder)
    condition = {"condition_scale": torch.tensor(config.condition_scale)}
    condition |= {name: torch.zeros(config.condition_dim) for name in config.vectors}
    if (folder / CONDITION).is_file():
        condition = _read_file(folder / CONDITION)
    if condition.pop("condition_scale").item() != torch.tensor(config.condition_scale).item():
        raise UserError(
            f"Expected weights for condition_scale={config.condition_scale:g} in {path}; theirs is another."
        )
    return {**{f"unet.{name}": tensor for name, tensor in unet.state_dict().items()}, **condition}


def read_metadata(path: Path) -> dict[str, str]:
    """Return what a file of weights says of itself; nothing of a folder."""
    if not path.is_file():
        return {}
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


def save_folder(network: ConditionedUNet, process: DDPMScheduler, folder: Path) -> None:
    """Write a folder that diffusers' `UNet2DConditionModel.from_pretrained` and `--weights` read.

    Args:
        network: what is written.
        process: its forward process, for `scheduler/`.
        folder: an existing folder.
    """
    network.unet.save_pretrained(str(folder))
    process.save_pretrained(str(folder / "scheduler"))
    vectors = {name: tensor for name, tensor in network.state_dict().items() if name in network.config.vectors}
    save_file({**vectors, "condition_scale": torch.tensor(network.config.condition_scale)}, folder / CONDITION)


def _read_file(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"Expected weights of this network in {path}; loading them failed: {reason}") from error


def _read_unet(folder: Path) -> UNet2DConditionModel:
    try:
        return UNet2DConditionModel.from_pretrained(str(folder))  # diffusers fails on a Path
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"Expected a diffusers UNet2DConditionModel in {folder}; loading it failed: {reason}"
        ) from error


def _download(path: Path) -> Path:
    """The local folder of a hub id, `owner/name`."""
    from huggingface_hub import snapshot_download

    missing = f"Expected weights at {path}, and there are none. Train them with `fit`, or name another file"
    if path.is_absolute() or len(path.parts) != 2 or path.suffix:
        raise UserError(f"{missing}.")
    try:
        return Path(snapshot_download(str(path), allow_patterns=["*.json", "*.safetensors"]))
    except (OSError, ValueError) as error:
        raise UserError(f"{missing}; as a hub id it cannot be had either ({type(error).__name__}).") from error
