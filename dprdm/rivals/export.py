"""What a private training leaves: weights, and their certificate beside them."""

import lightning as L

from dprdm.guarantee.certificate import write_certificate
from dprdm.rivals.fine_tuning import PrivateFineTuning
from dprdm.training.callbacks import Export


class CertifiedExport(Export):
    """Write weights and certificate when a private training has ended. Of one that is interrupted, nothing is kept.

    Args:
        path: the file of weights to write; the certificate goes into its folder.
    """

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write them."""
        super().on_fit_end(trainer, pl_module)
        if trainer.is_global_zero and isinstance(pl_module, PrivateFineTuning):
            write_certificate(pl_module.certify(self.path), self.path.parent)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Keep nothing."""
