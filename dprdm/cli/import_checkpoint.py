"""`main.py import-checkpoint` and `export-checkpoint`: other projects' formats to ours, and ours to theirs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
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
from dprdm.resources import find_config, find_packaged
from dprdm.rivals.certificate import from_note

GENERATOR, FIRST_STAGE, CONFIG = "generator.safetensors", "first_stage", "model.yaml"


def import_checkpoint(
    file: Path,
    out: Path | None = None,
    latent_size: int = 64,
    head_width: int = 32,
    heads: int | None = None,
    knows_noise: bool = False,
    own_null: bool = False,
) -> None:
    """Convert a checkpoint of CompVis' latent-diffusion or RDM. Nothing in it is run.

    Writes generator.safetensors, first_stage/ and model.yaml, which describes both:
    `predict --config coco.yaml --config OUT/model.yaml`. Of a first stage by itself, OUT is its diffusers folder.

    Args:
        file: the .ckpt.
        out: the folder to write; must not be there yet. By default models/ and the file's name.
        latent_size: side of the latents the network was trained on; no tensor says it.
        head_width: channels of an attention head; no tensor says it either. The paper's 32.
        heads: attention heads of every level, instead of their width; 8 in latent-diffusion's text-to-image model.
        knows_noise: add an input for the noise in the condition, without effect until it is trained.
        own_null: guide against the checkpoint's own vector for no condition. By default against zero, as RDM's scripts do;
            a checkpoint that was trained without dropping conditions holds noise there.
    """
    check.at_least(1, latent_size=latent_size)
    check.at_least(1, head_width=head_width)
    checkpoint, folder = read_checkpoint(file), out or Path("models") / file.stem
    if not checkpoint.unet:
        _import_first_stage(checkpoint, file, folder)
        return
    config = network_config(checkpoint.unet, latent_size, head_width, heads, knows_noise)
    tensors = {name: tensor.contiguous() for name, tensor in convert_network(checkpoint.unet, config).items()}
    if own_null:
        tensors["null_condition"] = _own_null(checkpoint, config)
    stage = convert_autoencoder(checkpoint.first_stage, checkpoint.scale) if checkpoint.first_stage else None

    def fill(beside: Path) -> None:
        save_file(tensors, beside / GENERATOR)
        if stage is not None:
            stage.save_pretrained(str(beside / FIRST_STAGE))
        described = yaml.safe_dump(_describe(checkpoint, config, folder), sort_keys=False)
        write_text(beside / CONFIG, f"# Converted from {file.name}.\n{described}")

    fill_folder(folder, fill)
    millions = sum(tensor.numel() for tensor in tensors.values()) / 1e6
    averaged = ", averaged over training" if checkpoint.is_averaged else ""
    print(f"{folder / GENERATOR}: {millions:.2f} million parameters{averaged}.")
    if stage is not None:
        print(f"{folder / FIRST_STAGE}: {type(stage).__name__}, {stage.num_parameters() / 1e6:.2f} million.")
    print(f"{folder / CONFIG}: their settings, for --config after another.")
    _say_left_out(checkpoint)


def export_checkpoint(weights: Path, like: str | None = None, out: Path | None = None) -> None:
    """Write a generator's weights as a diffusers folder (UNet2DConditionModel), which --weights reads too.

    Args:
        weights: what `fit` or `import-checkpoint` wrote.
        like: the config that describes the generator.
        out: the folder to write; must not be there yet. By default the weights' path without its ending.
    """
    if like is None:
        raise UserError("Expected --like CONFIG, the config that describes these weights' generator.")
    described = _generator_in(Path(find_config(like)))
    schedule = ScheduleConfig(**described.get("schedule", {}))
    model = RetrievalDiffusion(NetworkConfig(**described["network"]), schedule, weights=find_packaged(weights))
    if from_note(model.weights_metadata) is not None:
        raise UserError(
            f"Expected public weights; {weights} carries a certificate, which a diffusers folder would lose."
        )
    folder = out or weights.with_suffix("")
    fill_folder(folder, lambda beside: save_folder(model.network, model.process, beside))
    print(f"{folder}: a diffusers UNet2DConditionModel, its scheduler, and the null condition.")


def _import_first_stage(checkpoint: Checkpoint, file: Path, folder: Path) -> None:
    if not checkpoint.first_stage:
        raise UserError(f"Expected a network or a first stage in {file}, and there is neither.")
    stage = convert_autoencoder(checkpoint.first_stage, checkpoint.scale)
    fill_folder(folder, lambda beside: stage.save_pretrained(str(beside)))
    print(f"{folder}: {type(stage).__name__}, {stage.num_parameters() / 1e6:.2f} million parameters.")
    _say_left_out(checkpoint)


def _own_null(checkpoint: Checkpoint, config: NetworkConfig) -> Tensor:
    if checkpoint.null is None or checkpoint.null.shape != (config.condition_dim,):
        raise UserError(
            f"Expected {NULL} of {config.condition_dim} numbers in the checkpoint. Leave --own_null out to guide against zero."
        )
    return checkpoint.null.contiguous()


def _describe(checkpoint: Checkpoint, config: NetworkConfig, folder: Path) -> dict[str, Any]:
    """What a config says of the generator."""
    given: dict[str, Any] = {"network": {**asdict(config), "widths": list(config.widths)}}
    if checkpoint.schedule is not None:
        given["schedule"] = asdict(checkpoint.schedule)
    if checkpoint.first_stage:
        stage = {"path": str(folder / FIRST_STAGE)}
        given["first_stage"] = {"class_path": "dprdm.diffusion.first_stage.Autoencoder", "init_args": stage}
    model = {"class_path": "dprdm.generation.model.RetrievalDiffusion", "init_args": given}
    return {"weights": str(folder / GENERATOR), "model": model}


def _say_left_out(checkpoint: Checkpoint) -> None:
    for prefix, count in checkpoint.left_out.items():
        print(f"Left out: {prefix}* ({count} tensors), which is not the generator's.")


def _generator_in(config: Path) -> dict[str, Any]:
    """`init_args` of the generator that a config describes."""
    try:
        described = yaml.safe_load(config.read_text(encoding="utf-8"))
        arguments: dict[str, Any] = described["model"]["init_args"]
        arguments["network"]
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise UserError(
            f"Expected {config} to describe a generator with a network (model.init_args.network)."
        ) from error
    return arguments
