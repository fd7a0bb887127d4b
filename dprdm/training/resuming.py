"""A training that is interrupted goes on where it was, and ends where an unbroken one would have."""

import signal
import threading
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from dprdm.files import write_whole
from dprdm.training.seeds import public_seed


class SeededSteps(L.Callback):
    """Seed each step's draws (times, noise, dropout) by its number and its process. They are public.

    So a resumed training draws what an unbroken one draws, and no two processes draw alike.
    """

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed torch's global generators, the devices' too."""
        torch.manual_seed(public_seed("step", trainer.global_step, batch_idx, trainer.global_rank))


class Unfinished(L.Callback):
    """Keep the state of a training in one file until it has ended: now and then, and when it is told to stop.

    The first Ctrl-C lets the step end, so that nothing half done is kept; the second does not wait. Written by the first
    process, whole or not at all. Strategies that shard a model are left to their own checkpoints.

    Args:
        path: the file. It goes when the training has ended.
        seconds: at most so much work is lost to a kill; more where saving takes more than a twentieth of it.
    """

    def __init__(self, path: Path, seconds: float = 600.0) -> None:
        self.path, self.seconds = path, seconds
        self.is_stopping = self.may_stop = False
        self.last_step, self.last_time, self.cost = 0, time.monotonic(), 0.0
        self.handler_before: Any = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take over Ctrl-C: the first process stops for all, and Lightning ends the others."""
        self.last_step, self.last_time = trainer.global_step, time.monotonic()
        if threading.current_thread() is threading.main_thread():
            ours = self._stop_soon if trainer.is_global_zero else signal.SIG_IGN
            self.handler_before = signal.signal(signal.SIGINT, ours)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save after a step of the optimiser, where it is time to or where it is to be the last."""
        if trainer.global_step == self.last_step:
            return  # gradients are still being accumulated, and a checkpoint would lose them
        self.last_step = trainer.global_step
        is_due = time.monotonic() - self.last_time > max(self.seconds, 20 * self.cost)
        must_save = self.is_stopping or trainer.received_sigterm or is_due
        # Processes agree, because saving waits for all of them. One has nobody to ask.
        if trainer.strategy.reduce_boolean_decision(must_save, all=False):
            self._save(trainer)
            self.may_stop = self.is_stopping

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Stop, where that was asked for: not earlier, so that the losses of the last step are in the logs."""
        if self.may_stop:
            raise KeyboardInterrupt

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop before a validation, too."""
        if self.may_stop:
            raise KeyboardInterrupt

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remove the checkpoint: the training has ended, and nothing is to be resumed."""
        self._give_back_signal()
        if trainer.is_global_zero:
            self.path.unlink(missing_ok=True)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Give Ctrl-C back, unless it is what ends us."""
        if not isinstance(exception, KeyboardInterrupt):
            self._give_back_signal()

    def _stop_soon(self, *_: Any) -> None:
        self.is_stopping = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _give_back_signal(self) -> None:
        if self.handler_before is not None:
            signal.signal(signal.SIGINT, self.handler_before)
            self.handler_before = None

    def _save(self, trainer: L.Trainer) -> None:
        start = time.monotonic()
        if isinstance(trainer.strategy, (SingleDeviceStrategy, DDPStrategy)):
            if trainer.is_global_zero:
                write_whole(self.path, trainer.save_checkpoint)
            else:
                trainer.save_checkpoint(self.path)  # takes part, and writes nothing
        self.last_time = time.monotonic()
        self.cost = self.last_time - start
