"""The command line: argv and YAML to objects to a run. The only place where a string becomes a class, and that prints."""

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Sequence

from dprdm import __version__
from dprdm.cli.commands import Command, find_command
from dprdm.errors import RefusedElsewhere, UserError

INTERRUPTED = 130
REFUSED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 2 refused, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    _quiet_libraries()
    _print_the_log()
    try:
        return _run(words)
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


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"dprdm {__version__}")
        return 0
    if not words or words[0] in {"-h", "--help", "help"}:
        from dprdm.cli.help import overview

        print(overview())
        return 0 if words else REFUSED
    name, *rest = words
    command = find_command(name)
    if {"-h", "--help"} & set(rest):
        from dprdm.cli.help import page

        print(page(name), end="")
        return 0
    return _run_with_trainer(name, command, rest) if command.method else _run_function(command, rest)


def _run_with_trainer(name: str, command: Command, words: list[str]) -> int:
    """Each import only where what came before it was not refused: the last one takes ten seconds."""
    from dprdm.cli.trainer_arguments import read_trainer_arguments

    arguments = read_trainer_arguments(name, words)
    if not arguments.is_question:
        from dprdm.cli.complete import require_complete

        # Private images are opened by a release alone; a private training refuses what is missing itself.
        releases = name == "predict" and arguments.settings.tree.get("conditions") is None
        require_complete(arguments.settings, unused=() if releases else ("private",))
        from dprdm.cli.usable import require_usable

        require_usable(name, arguments)
    from dprdm.cli.trainer import run_trainer

    return run_trainer(command.method, arguments)


def _run_function(command: Command, words: list[str]) -> int:
    from dprdm.cli.argv import read_arguments
    from dprdm.cli.complete import require_complete
    from dprdm.cli.function import run_function

    arguments = read_arguments(command, words)
    if not arguments.is_question:
        require_complete(arguments.settings, command.positional)
    module, _, function = command.function.rpartition(".")
    return run_function(getattr(importlib.import_module(module), function), arguments)


class Console(logging.Handler):
    """Print what the library logs, as it is: the command line is where its sentences are read."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message; warnings go to the error stream."""
        print(record.getMessage(), file=sys.stderr if record.levelno >= logging.WARNING else sys.stdout, flush=True)


def _print_the_log() -> None:
    library = logging.getLogger("dprdm")
    library.setLevel(logging.INFO)
    if not any(isinstance(handler, Console) for handler in library.handlers):
        library.addHandler(Console())
        library.propagate = False


def _interrupted(sentence: str = "") -> int:
    goes_on = "What was finished is kept; the same command goes on from there."
    print(f"\nInterrupted. {sentence or goes_on}", file=sys.stderr)
    return INTERRUPTED


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
