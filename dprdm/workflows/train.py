"""`dprdm.fit`: train on public images, and write the weights."""

from pathlib import Path

import lightning as L

from dprdm.errors import UserError
from dprdm.rivals.fine_tuning import PrivateFineTuning
from dprdm.training.callbacks import Export, Exportable


def fit(
    model: L.LightningModule,
    data: L.LightningDataModule,
    weights: Path | str,
    max_steps: int = 1000,
    trainer: L.Trainer | None = None,
) -> Path:
    """Train a generator or an encoder on public images, and write its weights; return their file.

    A file of a generator says what network it is of: `dprdm.render` and `dprdm.predict` need no more than it.

    Args:
        model: such as `dprdm.generation.model.RetrievalDiffusion`.
        data: such as `dprdm.data.datamodule.NeighbourDataModule`.
        weights: file to write, .safetensors.
        max_steps: steps of training.
        trainer: Lightning's, for devices, precision, loggers and callbacks; its own number of steps counts. None: one that
            logs nothing and leaves no checkpoint.
    Raises:
        UserError: for a model that trains on private images (the command `fit` plans and charges those), or that has no
            weights to write.
    """
    if isinstance(model, PrivateFineTuning) or not isinstance(model, Exportable):
        raise UserError(
            f"Expected a model that is trained on public images and can export its weights; got {type(model).__name__}. A "
            "private training is planned, charged and certified by the command `fit`."
        )
    if trainer is None:
        trainer = L.Trainer(max_steps=max_steps, logger=False, enable_checkpointing=False, enable_model_summary=False)
    export = Export(Path(weights))
    trainer.callbacks.append(export)  # type: ignore[attr-defined]
    try:
        trainer.fit(model, datamodule=data)
    finally:
        trainer.callbacks.remove(export)  # type: ignore[attr-defined]
    return export.path
