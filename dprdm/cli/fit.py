"""`fit`: a training that goes on where the same command was interrupted."""

import hashlib
import json
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.utilities.exceptions import SIGTERMException

from dprdm.processes import ending_together, is_first_process
from dprdm.resuming import SeededSteps, Unfinished

# What a request may differ in and still be the same training.
IMMATERIAL = ("ckpt_path", "weights_only", "wandb")


def fit(
    trainer: L.Trainer, model: L.LightningModule, request: dict[str, Any], out: Path, ckpt_path: Any, **data: Any
) -> None:
    """Train, from `ckpt_path` or from where the same request was interrupted.

    Args:
        trainer: trains.
        model: what is trained.
        request: the resolved config; another one is another training.
        out: where unfinished trainings are kept.
        ckpt_path: a checkpoint to start from; None looks for an unfinished training.
        data: what else `Trainer.fit` takes.
    """
    trainer.callbacks.append(SeededSteps())  # type: ignore[attr-defined]
    if not trainer.fast_dev_run:  # type: ignore[attr-defined]
        unfinished = out / "unfinished" / f"{_digest(request)}.ckpt"
        trainer.callbacks.append(Unfinished(unfinished))  # type: ignore[attr-defined]
        ckpt_path = ckpt_path or _found(unfinished)
    try:
        with ending_together(trainer):
            trainer.fit(model, ckpt_path=ckpt_path, **data)
    except SIGTERMException as error:
        raise KeyboardInterrupt from error


def _found(unfinished: Path) -> Path | None:
    if not unfinished.exists():
        return None
    if is_first_process():
        print(f"Going on with an interrupted training. To begin anew, delete {unfinished}.", flush=True)
    return unfinished


def _digest(request: dict[str, Any]) -> str:
    material = {name: value for name, value in request.items() if name not in IMMATERIAL}
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()[:12]
