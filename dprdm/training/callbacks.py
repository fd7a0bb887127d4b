"""What happens beside training: exporting the weights that a release uses."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning as L
from lightning.pytorch.callbacks import WeightAveraging

from dprdm.files import write_whole


@runtime_checkable
class Exportable(Protocol):
    """A module that can write the weights of its use, without optimiser or history, to one file."""

    def export(self, path: Path) -> None:
        """Write them."""


class Export(L.Callback):
    """Write the module's weights when training ends, or is interrupted; whole or not at all.

    Where weights are averaged, it is their average; interrupted before the first step, nothing.

    Args:
        path: the file to write.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write them, from one process."""
        if trainer.is_global_zero and isinstance(pl_module, Exportable):
            write_whole(self.path, pl_module.export)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Write them if it was the user who stopped the training."""
        if isinstance(exception, KeyboardInterrupt) and trainer.global_step > 0:
            _take_average(trainer, pl_module)
            self.on_fit_end(trainer, pl_module)


class LearningRate(L.Callback):
    """Log the learning rate of each step as `lr`, in the row of its loss."""

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Log it: of the first group of the first optimiser."""
        pl_module.log("lr", float(trainer.optimizers[0].param_groups[0]["lr"]))


def _take_average(trainer: L.Trainer, pl_module: L.LightningModule) -> None:
    """What averaging callbacks do when training ends; during validation the average is in its place already."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, WeightAveraging) and not trainer.validating:
            callback.on_train_end(trainer, pl_module)
