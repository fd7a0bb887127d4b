"""Convert other projects' checkpoints to ours, and our weights to a diffusers folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from diffusers import AutoencoderKL, VQModel
from safetensors.torch import save_file
from torch import Tensor

from dprdm import check
from dprdm.convert.checkpoint import NULL, Checkpoint, read_checkpoint
from dprdm.convert.compvis import convert_autoencoder, convert_network, network_config
from dprdm.diffusion.network import NetworkConfig
from dprdm.diffusion.schedule import ScheduleConfig
from dprdm.diffusion.weights import save_folder
from dprdm.errors import UserError
from dprdm.files import fill_folder, write_text
from dprdm.generation.model import RetrievalDiffusion
from dprdm.resources import find_packaged
from dprdm.rivals.certificate import from_note

GENERATOR, FIRST_STAGE, CONFIG = "generator.safetensors", "first_stage", "model.yaml"


@dataclass(frozen=True)
class CheckpointReading:
    """What no tensor of a checkpoint says of its network.

    Args:
        latent_size: side of the latents that it was trained on.
        head_width: channels of an attention head.
        heads: attention heads of every level, instead of their width.
        knows_noise: add an input for the noise in the condition, without effect until it is trained.
        own_null: guide against the checkpoint's vector for no condition, not against zero.
    """

    latent_size: int = 64
    head_width: int = 32
    heads: int | None = None
    knows_noise: bool = False
    own_null: bool = False

    def __post_init__(self) -> None:
        check.at_least(1, latent_size=self.latent_size)
        check.at_least(1, head_width=self.head_width)


@dataclass(frozen=True, eq=False)
class ConvertedCheckpoint:
    """What was written.

    Args:
        folder: of all files; of a first stage by itself, its diffusers folder.
        generator: parameters of the network; None: the checkpoint has no network.
        is_averaged: whether they are averaged over training.
        first_stage: the autoencoder; None: the checkpoint has none.
        left_out: prefix of each network that was not taken, and how many tensors it has.
    """

    folder: Path
    generator: int | None
    is_averaged: bool
    first_stage: AutoencoderKL | VQModel | None
    left_out: Mapping[str, int]


def import_checkpoint(file: Path, out: Path, reading: CheckpointReading) -> ConvertedCheckpoint:
    """Convert a checkpoint of CompVis' latent-diffusion or RDM. Nothing in it is run.

    Writes generator.safetensors, first_stage/ and model.yaml, which describes both; of a first stage by itself, its
    diffusers folder.

    Args:
        file: the .ckpt.
        out: the folder to write; must not be there yet.
        reading: what the checkpoint does not say.
    Raises:
        UserError: if the file is no such checkpoint, or holds a tensor that has no counterpart; nothing is written.
    """
    checkpoint = read_checkpoint(file)
    if not checkpoint.unet and not checkpoint.first_stage:
        raise UserError(f"Expected a network or a first stage in {file}, and there is neither.")
    network = _convert_network(checkpoint, reading) if checkpoint.unet else None
    stage = convert_autoencoder(checkpoint.first_stage, checkpoint.scale) if checkpoint.first_stage else None

    def fill(folder: Path) -> None:
        if network is None:
            assert stage is not None
            stage.save_pretrained(str(folder))
            return
        config, tensors = network
        save_file(tensors, folder / GENERATOR)
        if stage is not None:
            stage.save_pretrained(str(folder / FIRST_STAGE))
        described = yaml.safe_dump(_describe(checkpoint, config, out), sort_keys=False)
        write_text(folder / CONFIG, f"# Converted from {file.name}.\n{described}")

    fill_folder(out, fill)
    size = None if network is None else sum(tensor.numel() for tensor in network[1].values())
    return ConvertedCheckpoint(out, size, checkpoint.is_averaged, stage, checkpoint.left_out)


def export_checkpoint(weights: Path, config: Path, out: Path) -> None:
    """Write a generator's weights as a diffusers folder: a UNet2DConditionModel, its scheduler, the null condition.

    Args:
        weights: what `fit` or `import_checkpoint` wrote.
        config: describes the generator.
        out: the folder to write; must not be there yet.
    Raises:
        UserError: if the config describes no generator, or the weights carry a certificate, which would be lost.
    """
    described = _generator_in(config)
    schedule = ScheduleConfig(**described.get("schedule", {}))
    model = RetrievalDiffusion(NetworkConfig(**described["network"]), schedule, weights=find_packaged(weights))
    if from_note(dict(model.weights_metadata)) is not None:
        raise UserError(
            f"Expected public weights; {weights} carries a certificate, which a diffusers folder would lose."
        )
    fill_folder(out, lambda folder: save_folder(model.network, model.process, folder))


def _convert_network(checkpoint: Checkpoint, reading: CheckpointReading) -> tuple[NetworkConfig, dict[str, Tensor]]:
    config = network_config(
        checkpoint.unet, reading.latent_size, reading.head_width, reading.heads, reading.knows_noise
    )
    tensors = {name: tensor.contiguous() for name, tensor in convert_network(checkpoint.unet, config).items()}
    if reading.own_null:
        tensors["null_condition"] = _null_condition(checkpoint, config)
    return config, tensors


def _null_condition(checkpoint: Checkpoint, config: NetworkConfig) -> Tensor:
    if checkpoint.null is None or checkpoint.null.shape != (config.condition_dim,):
        raise UserError(
            f"Expected {NULL} of {config.condition_dim} numbers in the checkpoint. Leave --own_null out to guide against zero."
        )
    return checkpoint.null.contiguous()


def _describe(checkpoint: Checkpoint, config: NetworkConfig, folder: Path) -> dict[str, Any]:
    """Return what a config says of the generator in `folder`."""
    arguments: dict[str, Any] = {"network": {**asdict(config), "widths": list(config.widths)}}
    if checkpoint.schedule is not None:
        arguments["schedule"] = asdict(checkpoint.schedule)
    if checkpoint.first_stage:
        stage = {"path": str(folder / FIRST_STAGE)}
        arguments["first_stage"] = {"class_path": "dprdm.diffusion.first_stage.Autoencoder", "init_args": stage}
    model = {"class_path": "dprdm.generation.model.RetrievalDiffusion", "init_args": arguments}
    return {"weights": str(folder / GENERATOR), "model": model}


def _generator_in(config: Path) -> dict[str, Any]:
    """Return `init_args` of the generator that a config describes."""
    try:
        described = yaml.safe_load(config.read_text(encoding="utf-8"))
        arguments: dict[str, Any] = described["model"]["init_args"]
        arguments["network"]
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise UserError(
            f"Expected {config} to describe a generator with a network (model.init_args.network)."
        ) from error
    return arguments
