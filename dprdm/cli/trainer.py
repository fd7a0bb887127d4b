"""`fit`, `validate` and `predict` with a Trainer: LightningCLI makes it, the model and the data; then a workflow runs."""

from typing import Any

import lightning as L
from jsonargparse import Namespace, lazy_instance
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger

from dprdm.cli.argv import Arguments
from dprdm.cli.commands import HANDED_OVER
from dprdm.cli.function import one_sentence
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.errors import UserError
from dprdm.generation.generator import Generator
from dprdm.resources import find_packaged
from dprdm.rivals.fine_tuning import PrivateFineTuning
from dprdm.training.bars import RenderingBar
from dprdm.training.processes import ending_together
from dprdm.training.ranks import is_first_process
from dprdm.workflows.fine_tune import fine_tune, prepare_config, reads_private_images
from dprdm.workflows.fit import fit
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.predict import predict
from dprdm.workflows.render import render_file


def run_trainer(method: str, arguments: Arguments) -> int:
    """Run one of the commands that need a Trainer; return 0, or raise UserError before anything was read or spent."""
    try:
        with one_sentence():
            cli = TrainerCLI(method, arguments)
        cli.run()
    except MisconfigurationException as error:
        raise UserError(" ".join(str(error).split())) from error
    return 0


class TrainerCLI(LightningCLI):
    """LightningCLI for one method of the Trainer, with the options of `predict` at the top level.

    It makes the objects and runs nothing itself: so no checkpoint's hyperparameters are laid over what the command line says
    (hazard 3).

    Args:
        method: fit, validate or predict.
        arguments: what it was called with.
    """

    def __init__(self, method: str, arguments: Arguments) -> None:
        self.method, self.arguments = method, arguments
        super().__init__(
            L.LightningModule,
            L.LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            run=False,
            # A seed that nobody asked for must not be in every saved config (hazard 1); private draws ignore seeds anyway.
            seed_everything_default=False,
            save_config_callback=None,  # ours are written as they were resolved, by `fit` and by `predict`
            trainer_defaults={"logger": lazy_instance(CSVLogger, save_dir="runs", name="logs")},
            parser_kwargs={"exit_on_error": False},
            args=arguments.listed(),
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add `PredictOptions`, so that one config describes an experiment for every command, and the method's own."""
        parser.add_class_arguments(PredictOptions, as_group=True)
        parser.add_method_arguments(L.Trainer, self.method, skip={*HANDED_OVER})

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """LightningCLI's; text stays as it was typed."""
        super().parse_arguments(parser, args)
        for name, text in self.arguments.texts().items():
            self.config[name] = text

    def before_instantiate_classes(self) -> None:
        """Leave out what the command has no use for, so that it need not be on this machine."""
        config: Any = self.config
        self.resolved_config = self.parser.dump(config.clone(), skip_none=True, skip_validation=True)
        for holder in (config.model.init_args, (config.model.init_args.get("generator") or {}).get("init_args") or {}):
            if holder.get("weights") is not None:
                holder["weights"] = find_packaged(holder["weights"])
        if self.method == "predict":
            self._prepare_rendering(config)
        elif self.method == "fit" and reads_private_images(config.model.class_path):
            prepare_config(config)
        else:
            config.private = None

    def _prepare_rendering(self, config: Any) -> None:
        if config.trainer.enable_progress_bar is not False:
            self.trainer_defaults = {**self.trainer_defaults, "callbacks": [RenderingBar()]}
        config.trainer.enable_progress_bar = False
        config.trainer.logger = False
        config.trainer.enable_checkpointing = False
        config.trainer.enable_model_summary = False
        config.trainer.callbacks = None
        # Under SLURM, Lightning loads a checkpoint that a requeued training left in its root, whatever is asked for.
        config.trainer.default_root_dir = str(config.out / ".predict")
        if config.conditions is not None or not is_first_process():  # who only renders opens nothing that is private
            config.private = None
            config.data = Namespace(class_path="lightning.LightningDataModule", init_args=Namespace())

    def run(self) -> None:
        """Run the method with what was made."""
        config = self.config_init
        options = PredictOptions(**{name: config[name] for name in PredictOptions.__dataclass_fields__})
        checkpoint = {name: config[name] for name in ("ckpt_path", "weights_only")}
        match self.method:
            case "predict":
                with ending_together(self.trainer):
                    self._predict(options)
            case "validate":
                self.trainer.validate(self.model, datamodule=self.datamodule, verbose=config["verbose"], **checkpoint)
            case "fit" if isinstance(self.model, PrivateFineTuning):
                fine_tune(self.trainer, self.model, self.datamodule, options, self.resolved_config)
            case "fit":
                fit(
                    self.trainer,
                    self.model,
                    self.resolved_config,
                    options.out,
                    datamodule=self.datamodule,
                    **checkpoint,
                )

    def _predict(self, options: PredictOptions) -> None:
        """Release on one process, then render."""
        if not isinstance(self.model, Generator):
            name = type(self.model).__name__
            raise UserError(f"Expected a generator to predict with, not {name}. Name another --config.")
        if options.conditions is not None:
            render_file(options, self.model, self.trainer, self.resolved_config)
        else:
            data = self.datamodule if isinstance(self.datamodule, NeighbourDataModule) else None
            predict(options, self.model, data, self.trainer, self.resolved_config)
