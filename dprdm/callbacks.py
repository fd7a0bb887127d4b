"""What happens beside training: exporting the weights that a release uses."""

from pathlib import Path
from typing import Protocol, runtime_checkable

import lightning as L


@runtime_checkable
class Exportable(Protocol):
    """A module that can write the weights of its use, without optimiser or history, to one file."""

    def export(self, path: Path) -> None:
        """Write them."""


class Export(L.Callback):
    """Write the module's weights when training ends, also when it was interrupted.

    Args:
        path: the file to write.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write them, from one process."""
        if trainer.is_global_zero and isinstance(pl_module, Exportable):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            pl_module.export(self.path)
