"""Progress bars: images a second, and the time that is left."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar, TQDMProgressBar
from tqdm import tqdm


class TrainingBar(TQDMProgressBar):
    """Lightning's bar, with images a second and the time left until the last step, beside the epoch's."""

    def __init__(self) -> None:
        super().__init__()
        self.images, self.start, self.first_step = 0, 0.0, 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start counting."""
        super().on_train_start(trainer, pl_module)
        self.images, self.start, self.first_step = 0, time.monotonic(), trainer.global_step

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, of all processes."""
        if isinstance(batch, Mapping):
            self.images += len(next(iter(batch.values()))) * trainer.world_size
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """Return the figures that Lightning shows, and images a second."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        seconds, done = time.monotonic() - self.start, trainer.global_step - self.first_step
        if done and trainer.training:
            total = int(trainer.estimated_stepping_batches)
            left = seconds / done * (total - trainer.global_step)
            metrics |= {"images/s": f"{self.images / seconds:.1f}", "left": str(timedelta(seconds=round(left)))}
        return metrics


class RenderingBar(L.Callback):
    """A bar over this process's images, shown by the first process."""

    def __init__(self) -> None:
        self.bar: tqdm[Any] | None = None

    def on_predict_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show it."""
        if trainer.is_global_zero:
            share = "" if trainer.world_size == 1 else f" (1 of {trainer.world_size} processes)"
            data = trainer.datamodule  # type: ignore[attr-defined]
            self.bar = tqdm(total=data.batches.num_images, desc=f"Rendering{share}", unit="image")

    def on_predict_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count."""
        if self.bar is not None:
            self.bar.update(len(outputs))

    def on_predict_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave it full."""
        if self.bar is not None:
            self.bar.close()


def show_images_per_second(trainer: L.Trainer) -> None:
    """Put ours in the place of Lightning's default bar, if that is shown."""
    _replace_default_bar(trainer, TrainingBar())


def show_steps(trainer: L.Trainer) -> None:
    """Put a bar of steps in the place of Lightning's default bar: how many images a private step holds is private."""
    _replace_default_bar(trainer, TQDMProgressBar())


def _replace_default_bar(trainer: L.Trainer, bar: ProgressBar) -> None:
    callbacks: list[L.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    for position, callback in enumerate(callbacks):
        # The default is rich's where rich is installed.
        if isinstance(callback, ProgressBar) and type(callback) in {TQDMProgressBar, RichProgressBar}:
            callbacks[position] = bar
