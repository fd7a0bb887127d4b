"""A CompVis checkpoint's file: opened without running anything in it, and taken apart with nothing left unnamed."""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from dprdm.diffusion.schedule import TRAIN_STEPS, ScheduleConfig
from dprdm.errors import UserError

UNET, AVERAGED, FIRST_STAGE = "model.diffusion_model.", "model_ema.", "first_stage_model."
NULL = "unconditional_guidance_vex"
# What follows from the betas, or only training needed.
DERIVED = {
    "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance",
    "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2", "lvlb_weights", "logvar", "cond_ids",
    "model_ema.decay", "model_ema.num_updates",
}  # fmt: skip
# Whole networks that are not the generator's: encoders of conditions, and losses of first stages.
LEFT_OUT = ("cond_stage_model.", "retriever.", "nn_encoder.", "first_stage_model.loss.", "loss.")


class Inert:
    """Stands for a class that a checkpoint names and that we have no use for. It can do nothing."""


# Lightning's checkpoints of those years name their callbacks' classes. Nothing of them is run, or needed.
NAMED: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (Inert, f"pytorch_lightning.callbacks.{module}")
    for module in ("model_checkpoint.ModelCheckpoint", "early_stopping.EarlyStopping")
]


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds, by part.

    Args:
        unet: the network's tensors, averaged ones where there are any; without prefix. Empty: it has none.
        is_averaged: whether they are the average over training.
        first_stage: the autoencoder's tensors, without prefix. Empty: it has none.
        schedule: the forward process. None: it does not say.
        scale: of the latents.
        null: RDM's vector for no condition; noise, where it was trained without dropping conditions. None: it has none.
        left_out: prefix of each network that was not taken, and how many tensors it has.
    """

    unet: Mapping[str, Tensor]
    is_averaged: bool
    first_stage: Mapping[str, Tensor]
    schedule: ScheduleConfig | None
    scale: float
    null: Tensor | None
    left_out: Mapping[str, int]


def read_checkpoint(path: Path) -> Checkpoint:
    """Open a `.ckpt` and take it apart.

    Raises:
        UserError: if it is missing, damaged, wants to run code, or holds a tensor that has no place.
    """
    return take_apart(read_tensors(path))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint's `state_dict`, or of the file where it is one. No code in it is run."""
    if not path.is_file():
        raise UserError(f"Expected a checkpoint at {path}, and there is none.")
    try:
        with torch.serialization.safe_globals(NAMED):
            content = torch.load(path, "cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except UnpicklingError as error:
        raise UserError(
            f"Expected tensors alone in {path}, and it would run code to be opened, which this program does not do. "
            "Where you trust it, open it there, and save its state_dict alone."
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"Expected a checkpoint in {path}; the file is damaged, or of another kind.") from error
    return _tensors_in(content, path)


def take_apart(state: Mapping[str, Tensor]) -> Checkpoint:
    """Sort tensors by part. Raises UserError with the name of one that belongs to none."""
    state = _with_prefix(state)
    unet, first_stage = _below(UNET, state), _below(FIRST_STAGE, state)
    averaged = {
        name: tensor for name, tensor in _below(AVERAGED, state).items() if name not in {"decay", "num_updates"}
    }
    left_out = {prefix: len(_below(prefix, state)) for prefix in LEFT_OUT if _below(prefix, state)}
    expected = {"betas", "scale_factor", NULL, *DERIVED}
    for name in state:
        if name not in expected and not name.startswith((UNET, AVERAGED, FIRST_STAGE, *LEFT_OUT)):
            raise UserError(f"Expected a checkpoint of latent-diffusion or RDM; {name} belongs to no part of one.")
    return Checkpoint(
        unet=_average(unet, averaged) if averaged else unet,
        is_averaged=bool(averaged),
        first_stage={name: tensor for name, tensor in first_stage.items() if not name.startswith("loss.")},
        schedule=_schedule(state["betas"]) if "betas" in state else None,
        scale=float(state.get("scale_factor", torch.tensor(1.0))),
        null=state.get(NULL),
        left_out=left_out,
    )


def _tensors_in(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        state = content.get("state_dict", content)
        if isinstance(state, Mapping) and state and all(isinstance(tensor, Tensor) for tensor in state.values()):
            return dict(state)
    raise UserError(f"Expected a checkpoint in {path}: named tensors, or a `state_dict` of them.")


def _with_prefix(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A first stage published by itself has no prefix; give it one."""
    is_alone = "encoder.conv_in.weight" in state and "decoder.conv_in.weight" in state
    return {f"{FIRST_STAGE}{name}": tensor for name, tensor in state.items()} if is_alone else state


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _average(unet: Mapping[str, Tensor], averaged: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The averaged tensors by the names of the others: CompVis drops the dots of theirs."""
    names = {f"diffusion_model.{name}".replace(".", ""): name for name in unet}
    if set(names) != set(averaged):
        odd = min(set(names) ^ set(averaged))
        raise UserError(f"Expected an average of every tensor of the network and of nothing else; {odd} is odd.")
    return {name: averaged[theirs] for theirs, name in names.items()}


def _schedule(betas: Tensor) -> ScheduleConfig:
    """The forward process with these betas, of the two that are linear in something."""
    betas64 = betas.double()
    first, last = (float(f"{beta:.6g}") for beta in (betas64[0], betas64[-1]))
    for schedule in (ScheduleConfig("scaled_linear", first, last), ScheduleConfig("linear", first, last)):
        ours = schedule.forward_process().betas.double()
        if len(betas64) == TRAIN_STEPS and torch.allclose(ours, betas64, rtol=1e-3):
            return schedule
    raise UserError(
        f"Expected {TRAIN_STEPS} betas that are linear, or whose roots are; the checkpoint's betas are neither."
    )
