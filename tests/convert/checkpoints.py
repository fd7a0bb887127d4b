"""Small checkpoints in CompVis' layout, with all that real ones hold beside the networks."""

import sys
import types
from pathlib import Path

import torch

from tests.convert.compvis_reference import Tensors, random_first_stage, random_unet

UNET = {"widths": (32, 64), "blocks": 1, "attention": (False, True), "channels": 3, "context": 64}


def betas(start: float = 0.0015, end: float = 0.0195) -> torch.Tensor:
    """What CompVis calls linear: their roots are."""
    return torch.linspace(start**0.5, end**0.5, 1000, dtype=torch.float64).square().float()


def checkpoint_state(averaged: bool = True) -> Tensors:
    """The `state_dict` of a latent-diffusion checkpoint: network, average, VQ first stage, schedule, a condition's encoder."""
    unet, average = random_unet(**UNET, seed=1), random_unet(**UNET, seed=2)
    state = {f"model.diffusion_model.{name}": tensor for name, tensor in unet.items()}
    if averaged:
        state |= {f"model_ema.{f'diffusion_model.{name}'.replace('.', '')}": tensor for name, tensor in average.items()}
        state |= {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7)}
    stage = random_first_stage((32, 32), blocks=1, codes=16)
    state |= {f"first_stage_model.{name}": tensor for name, tensor in stage.items()}
    state |= {"first_stage_model.loss.logvar": torch.zeros(()), "cond_stage_model.embedding.weight": torch.zeros(3, 4)}
    state["unconditional_guidance_vex"] = torch.full((UNET["context"],), 0.5)
    given = betas()
    return state | {"betas": given, "alphas_cumprod": (1 - given).cumprod(0), "logvar": torch.zeros(1000)}


def save_as_lightning_did(path: Path, state: Tensors) -> Path:
    """A checkpoint as pytorch_lightning 1.x wrote it: the callbacks' states are kept by class, so the pickle names classes."""
    name = "pytorch_lightning.callbacks.model_checkpoint"
    module = types.ModuleType(name)
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": name})
    sys.modules[name] = module
    try:
        callbacks = {module.ModelCheckpoint: {"best_model_path": "x.ckpt"}}
        torch.save({"epoch": 3, "global_step": 9, "callbacks": callbacks, "state_dict": state}, path)
    finally:
        del sys.modules[name]
    return path


class Malicious:
    """Runs code when it is opened as pickles are."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("__import__('pathlib').Path('was-run').touch()",)
