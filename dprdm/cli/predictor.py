"""A config of `predict` as objects: what `sweep` calls at every point."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import yaml

from dprdm.cli.trainer import DprdmCLI, make_cli
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.predict import Prediction


@dataclass(frozen=True, eq=False)
class Predictor:
    """What a config of `predict` describes.

    Args:
        options: of `predict`.
        model: the generator.
        data: public images and their encoder.
        trainer: renders.
        config: resolved, as plain values.
    """

    options: PredictOptions
    model: L.LightningModule
    data: NeighbourDataModule
    trainer: L.Trainer
    config: dict[str, Any]

    def predict(self, options: PredictOptions) -> None:
        """Release and render with other options; the config in the run's folder repeats it."""
        config = yaml.safe_dump({**self.config, **_as_config(options)}, sort_keys=False)
        Prediction(self.trainer, self.model, self.data, options, config).run()


def load_predictor(config: str) -> Predictor:
    """Load generator, data and Trainer of a config of `predict`.

    Raises:
        UserError: if there is no such config, or it does not describe them.
    """
    cli = make_cli(_Loader, "predict", ["--config", config])
    if not isinstance(cli.datamodule, NeighbourDataModule):
        raise UserError(f"Expected {config} to describe a data module that serves prompts: data: NeighbourDataModule.")
    return Predictor(cli.options(), cli.model, cli.datamodule, cli.trainer, yaml.safe_load(cli.resolved_config))


class _Loader(DprdmCLI):
    """The objects of a config of `predict`, without a run."""

    def predict(self, *_: Any, **__: Any) -> None:
        """Do nothing: the objects are there."""


def _as_config(options: PredictOptions) -> dict[str, Any]:
    """Return options as a config says them; what is None or a source of images stays as the config has it."""
    values = {name: value for name, value in vars(options).items() if value is not None}
    return {name: _as_plain(value) for name, value in values.items() if not isinstance(value, ImageSource)}


def _as_plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str | int | float | list):
        return value
    kind = type(value)
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": vars(value)}
