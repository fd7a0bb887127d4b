"""`import-checkpoint` and `export-checkpoint`: other projects' formats to ours, and ours to theirs."""

from pathlib import Path

from dprdm.errors import UserError
from dprdm.resources import find_config
from dprdm.types import ExistingFile
from dprdm.workflows import checkpoints
from dprdm.workflows.checkpoints import CONFIG, FIRST_STAGE, GENERATOR, CheckpointReading


def import_checkpoint(
    file: ExistingFile,
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
    reading = CheckpointReading(latent_size, head_width, heads, knows_noise, own_null)
    converted = checkpoints.import_checkpoint(file, out or Path("models") / file.stem, reading)
    folder, stage = converted.folder, converted.first_stage
    if converted.generator is not None:
        averaged = ", averaged over training" if converted.is_averaged else ""
        print(f"{folder / GENERATOR}: {converted.generator / 1e6:.2f} million parameters{averaged}.")
    if stage is not None:
        path = folder if converted.generator is None else folder / FIRST_STAGE
        print(f"{path}: {type(stage).__name__}, {stage.num_parameters() / 1e6:.2f} million parameters.")
    if converted.generator is not None:
        print(f"{folder / CONFIG}: their settings, for --config after another.")
    for prefix, count in converted.left_out.items():
        print(f"Left out: {prefix}* ({count} tensors), which is not the generator's.")


def export_checkpoint(weights: Path, like: str | None = None, out: Path | None = None) -> None:
    """Write a generator's weights as a diffusers folder (UNet2DConditionModel), which --weights reads too.

    Args:
        weights: what `fit` or `import-checkpoint` wrote.
        like: the config that describes the generator.
        out: the folder to write; must not be there yet. By default the weights' path without its ending.
    """
    if like is None:
        raise UserError("Expected --like CONFIG, the config that describes these weights' generator.")
    folder = out or weights.with_suffix("")
    checkpoints.export_checkpoint(weights, Path(find_config(like)), folder)
    print(f"{folder}: a diffusers UNet2DConditionModel, its scheduler, and the null condition.")
