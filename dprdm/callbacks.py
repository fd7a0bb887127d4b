"""What happens beside training: exporting the weights that a release uses."""

from pathlib import Path
from typing import Protocol, runtime_checkable

import lightning as L

from dprdm.files import write_whole


@runtime_checkable
class Exportable(Protocol):
    """A module that can write the weights of its use, without optimiser or history, to one file."""

    def export(self, path: Path) -> None:
        """Write them."""


class Export(L.Callback):
    """Write the module's weights when training ends, or is interrupted; whole or not at all.

    Interrupted, it writes the weights of that moment: where weights are averaged, not their average.

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
        if isinstance(exception, KeyboardInterrupt):
            self.on_fit_end(trainer, pl_module)
