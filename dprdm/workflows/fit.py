"""`fit`: a training that resumes where the same command was interrupted."""

import hashlib
import json
import logging
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import yaml
from lightning.pytorch.loggers import CSVLogger, WandbLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from dprdm.errors import UserError
from dprdm.files import write_text
from dprdm.training.bars import show_images_per_second
from dprdm.training.callbacks import Export, LearningRate
from dprdm.training.processes import ending_together
from dprdm.training.ranks import is_first_process
from dprdm.training.resuming import SeededSteps, Unfinished

log = logging.getLogger(__name__)

# What a request may differ in and still be the same training.
IMMATERIAL = ("ckpt_path", "weights_only", "wandb")


class SavedConfig(L.Callback):
    """Write the resolved config into the log folder: `fit --config` runs it again as it is, `predict --config` uses it.

    Args:
        text: the config.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write it, from one process."""
        folder = trainer.log_dir  # asks all processes
        if trainer.is_global_zero and folder is not None and trainer.loggers:
            write_text(Path(folder) / "config.yaml", self.text)


def fit(
    trainer: L.Trainer, model: L.LightningModule, resolved_config: str, out: Path, ckpt_path: Any, **data: Any
) -> None:
    """Train, from `ckpt_path` or from where the same request was interrupted.

    Args:
        trainer: trains.
        model: what is trained.
        resolved_config: written beside the logs, so that it can be asked for again; another one is another training.
        out: where unfinished trainings are kept.
        ckpt_path: a checkpoint to start from; None or `last` looks for an unfinished training of the same request.
        data: what else `Trainer.fit` takes.
    """
    request = yaml.safe_load(resolved_config)
    _track(trainer, request)
    show_images_per_second(trainer)
    trainer.callbacks += [SeededSteps(), SavedConfig(resolved_config)]  # type: ignore[attr-defined]
    if trainer.checkpoint_callbacks:  # none, where checkpoints are switched off
        unfinished = out / "unfinished" / f"{_digest(request)}.ckpt"
        trainer.callbacks.append(Unfinished(unfinished))  # type: ignore[attr-defined]
        ckpt_path = _unfinished(unfinished) if ckpt_path in {None, "last"} else ckpt_path
    try:
        with ending_together(trainer):
            trainer.fit(model, ckpt_path=ckpt_path, **data)
        _track_weights(trainer)
    except SIGTERMException as error:
        raise KeyboardInterrupt from error
    except (RuntimeError, UnpicklingError) as error:
        if ckpt_path is None or not re.search("loading state_dict|weights.only|unpickl|zip archive", str(error), re.I):
            raise
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"Expected a checkpoint of this model in {ckpt_path}; loading it failed: {reason}") from error
    finally:
        _end_tracking(trainer)


def _track(trainer: L.Trainer, request: dict[str, Any]) -> None:
    """A table of all that is logged wherever anything is; the learning rate; W&B, with pictures, where asked for."""
    callbacks: list[L.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    if trainer.loggers and not any(isinstance(logger, CSVLogger) for logger in trainer.loggers):
        trainer.loggers = [
            CSVLogger("runs", name="logs"),
            *trainer.loggers,
        ]  # first: its folder takes config and samples
    if request.get("wandb"):
        from dprdm.runs.tracking import wandb_logger
        from dprdm.workflows.samples import SampleGrids

        trainer.loggers = [*trainer.loggers, wandb_logger("fit", request)]
        if not any(isinstance(callback, SampleGrids) for callback in callbacks):
            callbacks.append(SampleGrids())
    callbacks.append(LearningRate())


def _track_weights(trainer: L.Trainer) -> None:
    """What was exported, as an artifact of W&B."""
    for logger in _wandb_loggers(trainer):
        from dprdm.runs.tracking import log_files

        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Export) and callback.path.exists():
                log_files(logger, callback.path.stem, "model", [callback.path])


def _end_tracking(trainer: L.Trainer) -> None:
    if _wandb_loggers(trainer):
        import wandb

        wandb.finish()


def _wandb_loggers(trainer: L.Trainer) -> list[WandbLogger]:
    """Those that write: on the first process."""
    return [logger for logger in trainer.loggers if isinstance(logger, WandbLogger) and trainer.is_global_zero]


def _unfinished(path: Path) -> Path | None:
    if not path.exists():
        return None
    if is_first_process():
        log.info(f"Resuming an interrupted training. To begin anew, delete {path}.")
    return path


def _digest(request: dict[str, Any]) -> str:
    material = {name: value for name, value in request.items() if name not in IMMATERIAL}
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()[:12]
