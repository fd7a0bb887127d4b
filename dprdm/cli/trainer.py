"""`fit`, `validate` and `predict`: LightningCLI, and beside it our top-level options."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from jsonargparse import ArgumentError, Namespace, lazy_instance, set_loader
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from dprdm.cli.function import sentence_inside
from dprdm.cli.ineffective import options_named, refuse_ineffective
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.errors import UserError
from dprdm.generation.generator import Generator
from dprdm.registry import class_path, expand_arguments, expand_names, instantiate
from dprdm.resources import find_packaged, has_config, resolve_configs
from dprdm.rivals.fine_tuning import PrivateFineTuning
from dprdm.runs.old_configs import current_config
from dprdm.training.bars import RenderingBar
from dprdm.training.processes import ending_together, is_first_process
from dprdm.workflows.fine_tune import fine_tune, prepare_config, reads_private_images
from dprdm.workflows.fit import fit
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.predict import predict
from dprdm.workflows.render import render_file

DEMO_CONFIG = "demo.yaml"
# The paper's.
DEFAULT_PLUGINS = {"mechanism": "gaussian", "retriever": "exact", "denoiser": "none"}
OPTION_NAMES = tuple(option.name for option in fields(PredictOptions))
# Of these, what each command takes besides: both read public data, so no other would have a meaning ...
PUBLIC_OPTIONS = {"fit": {"wandb"}, "validate": set[str]()}
# ... but for a `fit` of a model that is there to read private images, under a budget.
PRIVATE_OPTIONS = {"eps", "delta", "noise_std", "private_store", "private", "account"}


def run_trainer(command: str, arguments: list[str]) -> int:
    """Run one of the commands that need a Trainer; return 0, or raise UserError before anything was read or spent."""
    if command != "predict":
        _refuse_predict_options(command, arguments, PRIVATE_OPTIONS if command == "fit" else set())
    elif any(argument.startswith("--ckpt_path") for argument in arguments):
        raise UserError("`predict` takes exported weights, not a checkpoint. Name them with --weights.")
    if command == "predict" and not has_config(arguments):
        if is_first_process() and not any(argument.startswith("--print_config") for argument in arguments):
            print(f"No --config given: running the embedded demo (configs/{DEMO_CONFIG}).", flush=True)
        arguments = ["--config", DEMO_CONFIG, *arguments]
    arguments = ["--wandb=true" if argument == "--wandb" else argument for argument in arguments]
    arguments = expand_arguments(resolve_configs(arguments))
    set_loader("dprdm", _load_yaml, yaml.YAMLError)
    try:
        DprdmCLI(
            L.LightningModule,
            L.LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            # A seed that nobody asked for must not be in every saved config (hazard 1); private draws ignore seeds anyway.
            seed_everything_default=False,
            save_config_callback=None,  # ours are written as they were resolved, by `fit` and by `predict`
            trainer_defaults={"logger": lazy_instance(CSVLogger, save_dir="runs", name="logs")},
            parser_kwargs={"exit_on_error": False, "parser_mode": "dprdm"}
            | {name: {"exit_on_error": False, "parser_mode": "dprdm"} for name in DprdmCLI.subcommands()},
            args=[command, *arguments],
        )
    except MisconfigurationException as error:
        raise UserError(" ".join(str(error).split())) from error
    except (ArgumentError, ValueError) as error:
        if sentence := sentence_inside(error):
            raise UserError(sentence) from error
        raise
    return 0


class DprdmCLI(LightningCLI):
    """LightningCLI with the options of `predict` at the top level, and `predict` as release, then render."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The Trainer methods that are commands here."""
        skip = {"model", "dataloaders", "datamodule"}
        return {
            "fit": skip | {"train_dataloaders", "val_dataloaders"},
            "validate": skip,
            "predict": skip | {"return_predictions"},
        }

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add `PredictOptions`, so that one config describes an experiment for `fit` and for `predict`."""
        parser.add_class_arguments(PredictOptions, as_group=True)
        parser.set_defaults({kind: {"class_path": class_path(kind, name)} for kind, name in DEFAULT_PLUGINS.items()})

    def before_instantiate_classes(self) -> None:
        """Leave out what the command has no use for, so that it need not be on this machine."""
        assert self.subcommand is not None
        config = self.config[self.subcommand]
        # Here, so that a value that no plugin or option takes is refused before anything is loaded.
        plugins = {kind: instantiate(config[kind]) for kind in DEFAULT_PLUGINS}
        given = {name: config[name] for name in OPTION_NAMES if name not in {*plugins, "private"}}
        options = PredictOptions(**plugins, **given)
        if self.subcommand == "predict":
            refuse_ineffective(options, self.given)
        parser = self._subcommand_parsers[self.subcommand]
        self.resolved_config = parser.dump(config.clone(), skip_none=True, skip_validation=True)
        _require_checkpoint(config.ckpt_path)
        _find_weights(config.model.init_args)
        if self.subcommand == "fit" and reads_private_images(config.model.class_path):
            prepare_config(config)
            return
        if self.subcommand != "predict":
            _refuse_predict_options(self.subcommand, self.given, set())
            config.private = None
            # Before a large network is built: are the images there at all?
            if source := config.data.init_args.get("source"):
                instantiate(source)
            return
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

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """LightningCLI's; what was given stays known."""
        self.given = list(args or [])
        super().parse_arguments(parser, args)

    def options(self) -> PredictOptions:
        """The options of this run."""
        config = self.config_init[self.subcommand]
        return PredictOptions(**{name: config[name] for name in OPTION_NAMES})

    def _parse_ckpt_path(self) -> None:
        """Not LightningCLI's: that lays a checkpoint's hyperparameters over what the command line says (hazard 3)."""

    def fit(self, model: L.LightningModule, ckpt_path: Any = None, **arguments: Any) -> None:
        """Train, tracked by W&B where asked for; go on where the same command was interrupted."""
        if isinstance(model, PrivateFineTuning):
            fine_tune(self.trainer, model, arguments.get("datamodule"), self.options(), self.resolved_config)
        else:
            fit(self.trainer, model, self.resolved_config, self.options().out, ckpt_path, **arguments)

    def predict(self, model: L.LightningModule, datamodule: Any = None, **_: Any) -> None:
        """Release on one process, then render."""
        options = self.options()
        if not isinstance(model, Generator):
            raise UserError(f"Expected a generator to predict with, not {type(model).__name__}. Name another --config.")
        with ending_together(self.trainer):
            if options.conditions is not None:
                render_file(options, model, self.trainer, self.resolved_config)
            else:
                data = datamodule if isinstance(datamodule, NeighbourDataModule) else None
                predict(options, model, data, self.trainer, self.resolved_config)


def _refuse_predict_options(command: str, arguments: list[str], besides: set[str]) -> None:
    if misplaced := sorted(options_named(arguments) & set(OPTION_NAMES) - PUBLIC_OPTIONS[command] - besides):
        raise UserError(
            f"`{command}` reads public data only, so --{misplaced[0]} would have no effect; it is an option of `predict`."
        )


def _find_weights(model: Namespace) -> None:
    """Public weights to start from, where they are named from this project's folder: those of the model, or of the one in it."""
    for arguments in (model, (model.get("generator") or {}).get("init_args") or {}):
        if arguments.get("weights") is not None:
            arguments["weights"] = find_packaged(arguments["weights"])


def _require_checkpoint(path: Any) -> None:
    """Refuse a checkpoint that is not there; `last` is one that may not be."""
    if path not in {None, "last"} and not Path(path).is_file():
        raise UserError(f"Expected a checkpoint at {path}, and there is none. `fit` leaves them in runs/.")


def _load_yaml(text: str) -> Any:
    """YAML as jsonargparse reads it, with plugins by short name."""
    from jsonargparse._loaders_dumpers import yaml_load

    return expand_names(current_config(yaml_load(text)))
