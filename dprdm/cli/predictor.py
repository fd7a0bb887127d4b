"""A config of `predict` as objects: what `sweep` calls at every point."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import yaml

from dprdm.cli.argv import read_arguments, read_config
from dprdm.cli.commands import COMMANDS
from dprdm.cli.function import one_sentence
from dprdm.cli.trainer import TrainerCLI
from dprdm.cli.trainer_arguments import PLUGINS
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.generation.generator import Generator
from dprdm.training.processes import ending_together
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.predict import predict


@dataclass(frozen=True, eq=False)
class Predictor:
    """What a config of `predict` describes.

    Args:
        options: of `predict`.
        generator: draws.
        data: public images and their encoder.
        trainer: renders.
        config: resolved, as plain values.
    """

    options: PredictOptions
    generator: Generator
    data: NeighbourDataModule
    trainer: L.Trainer
    config: dict[str, Any]

    def predict(self, options: PredictOptions) -> None:
        """Release and render with other options; the config in the run's folder repeats it."""
        config = yaml.safe_dump({**self.config, **_as_config(options)}, sort_keys=False)
        with ending_together(self.trainer):
            predict(options, self.generator, self.data, self.trainer, config)


def load_predictor(config: str) -> Predictor:
    """Load generator, data and Trainer of a config of `predict`.

    Raises:
        UserError: if there is no such config, or it does not describe them.
    """
    arguments = read_arguments(COMMANDS["predict"], (), {"": PLUGINS, config: read_config(config)})
    with one_sentence():
        cli = TrainerCLI("predict", arguments)
    if not isinstance(cli.model, Generator) or not isinstance(cli.datamodule, NeighbourDataModule):
        raise UserError(f"Expected {config} to describe a generator (model) and its public images (data).")
    options = PredictOptions(**{name: cli.config_init[name] for name in PredictOptions.__dataclass_fields__})
    return Predictor(options, cli.model, cli.datamodule, cli.trainer, yaml.safe_load(cli.resolved_config))


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
