"""The command line: argv and YAML to objects to a run. The only place where a string becomes a class, and that prints."""

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from dprdm import __version__
from dprdm.errors import RefusedElsewhere, UserError

INTERRUPTED = 130
REFUSED = 2

# Subcommands that need no Trainer, each a function that jsonargparse turns into a parser. Imported when asked for, so that
# `plan` and `ledger` answer without loading torch.
COMMANDS = {
    "index": "dprdm.cli.index:index",
    "neighbors": "dprdm.cli.neighbors:neighbors",
    "plan": "dprdm.cli.plan:plan",
    "ledger": "dprdm.cli.ledger:ledger",
    "verify": "dprdm.cli.verify:verify",
    "audit": "dprdm.cli.audit:audit",
    "test": "dprdm.cli.test:test",
    "sweep": "dprdm.cli.sweep:sweep",
    "attack": "dprdm.cli.attack:attack",
    "fidelity": "dprdm.cli.fidelity:fidelity",
    "report": "dprdm.cli.report:report",
    "doctor": "dprdm.cli.doctor:doctor",
    "import-checkpoint": "dprdm.cli.import_checkpoint:import_checkpoint",
    "export-checkpoint": "dprdm.cli.import_checkpoint:export_checkpoint",
}
# Commands whose required arguments need no name: `verify runs/x`.
POSITIONAL = ("ledger", "neighbors", "verify", "import-checkpoint", "export-checkpoint")
TRAINER_COMMANDS = ("fit", "validate", "predict")

HELP = """usage: python main.py COMMAND [--help] [options]

  predict   private images in, private synthetic images out: release, then render
  render    images from a conditions file, without the private data
  fit       train an encoder or a generator on public images
  validate  score a trained one on public images
  index     embed a collection of images into a store
  neighbors find the nearest public images of every public one, before training
  plan      noise for a budget, or the budget of a noise; touches no data
  ledger    what a store has spent; show, verify, cap
  verify    recompute a run's certificate
  audit     attack the private path; shows what it leaks at least
  test      measure a run's images against real ones: FID, KID, recall, use, ...
  sweep     draw and measure many settings: what privacy costs, as curves
  attack    membership inference on releases and on images, and the demonstration with one striking image
  fidelity  what noise does to retrieval, against epsilon
  report    all of it as one page, with cards for publishing
  doctor    versions, devices and optional parts; what is broken
  import-checkpoint  a latent-diffusion or RDM checkpoint, converted
  export-checkpoint  a generator's weights as a diffusers folder

python main.py predict --mechanism gaussian --eps 10      runs the embedded demo
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 2 refused, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _quiet_libraries()
    _print_what_workflows_say()
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(HELP)
        return 0 if arguments else REFUSED
    if arguments == ["--version"]:
        print(f"dprdm {__version__}")
        return 0
    try:
        return _run(arguments)
    except RefusedElsewhere:
        return REFUSED
    except UserError as error:
        print(f"{type(error).__name__ if type(error) is not UserError else 'Error'}: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt as stopped:
        return _interrupted(str(stopped))
    except SystemExit as done:
        if isinstance(done.__context__, KeyboardInterrupt):  # the Trainer turns an interruption into exit code 1
            return _interrupted()
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read us, as `head` does, has read enough
        return 0
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        print(f"Error: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}.", file=sys.stderr)
        return REFUSED


class Console(logging.Handler):
    """Print what the library logs, as it is: the command line is where its sentences are read."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        print(record.getMessage(), flush=True)


def _print_what_workflows_say() -> None:
    library = logging.getLogger("dprdm")
    library.setLevel(logging.INFO)
    if not any(isinstance(handler, Console) for handler in library.handlers):
        library.addHandler(Console())
        library.propagate = False


def _interrupted(sentence: str = "") -> int:
    goes_on = "What was finished is kept; the same command goes on from there."
    print(f"\nInterrupted. {sentence or goes_on}", file=sys.stderr)
    return INTERRUPTED


def _run(arguments: list[str]) -> int:
    command, *rest = arguments[:1] + [_underscored(argument) for argument in arguments[1:]]
    if command in COMMANDS:
        from dprdm.cli.function import run_function

        if command == "test":
            from dprdm.registry import expand_networks

            rest = expand_networks(rest)
        module, name = COMMANDS[command].split(":")
        function = getattr(importlib.import_module(module), name)
        return run_function(command, function, rest, as_positional=command in POSITIONAL)
    if command in {"render", *TRAINER_COMMANDS}:
        if {"-h", "--help"} & set(rest):
            from dprdm.cli.help import trainer_help

            print(trainer_help(command), end="")
            return 0
        rest = ["--help" if argument == "--help_all" else argument for argument in rest]
    if command == "render":
        command, rest = "predict", _render_arguments(rest)
    if command in TRAINER_COMMANDS:
        from dprdm.cli.trainer import run_trainer

        return run_trainer(command, rest)
    known = ("render", *TRAINER_COMMANDS, *COMMANDS)
    raise UserError(f"Expected a command, one of {', '.join(known)}; got {command!r}.")


def _underscored(argument: str) -> str:
    """`--max-per-group=4` as `--max_per_group=4`: an option may be written either way."""
    option, equals, value = argument.partition("=")
    return option.replace("-", "_").replace("__", "--", 1) + equals + value if option.startswith("--") else argument


def _render_arguments(arguments: list[str]) -> list[str]:
    """`render FILE ...` as `predict --conditions FILE ...`, with the config that the release left beside the file."""
    if not arguments or arguments[0].startswith("-"):
        raise UserError("Expected a conditions file: python main.py render runs/NAME/conditions.safetensors")
    file, *rest = arguments
    config = Path(file).parent / "config.yaml"
    if not any(argument.partition("=")[0] == "--config" for argument in rest):
        if not config.is_file():
            raise UserError(f"Expected the run's config at {config}. Name a --config with the generator's settings.")
        # The name was that of the folder it was released in; images belong beside the file, wherever that is by now.
        rest = ["--config", str(config), "--name", "null", *rest]
    return [*rest, "--conditions", file]


def _quiet_libraries() -> None:
    """Leave the terminal to what the user asked for: no banners, and no advice that this program has already taken."""
    os.environ.setdefault("WANDB_SILENT", "true")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    # LightningCLI 2.6 calls functions that jsonargparse has renamed; pyproject keeps both where they still work together.
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", category=UserWarning, module="lightning")
        warnings.filterwarnings("ignore", category=FutureWarning)
