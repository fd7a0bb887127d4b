"""A command that is a function: its signature and docstring make the parser."""

import shlex
import sys
from collections.abc import Callable
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from dprdm.cli.argv import Arguments
from dprdm.cli.commands import is_called, program
from dprdm.errors import UserError


def run_function(function: Callable[..., Any], arguments: Arguments) -> int:
    """Call the function with these arguments; return its exit code, 0 if it returns none."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_function_arguments(function)
    try:
        config = parser.parse_args(arguments.listed())
        for name, text in arguments.texts().items():
            config[name] = text
        objects = parser.instantiate_classes(config)
    except (ArgumentError, ValueError) as error:
        if sentence := sentence_inside(error):
            raise UserError(sentence) from error
        raise
    code = function(**{name: value for name, value in vars(objects).items() if name != "config"})
    return int(code or 0)


def sentence_inside(error: BaseException) -> str | None:
    """Return what a class of ours said while the parser made it, or what the parser complains of; None if neither."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, UserError):
            return str(inner)
        inner = inner.__cause__ or inner.__context__
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip(" -")]
    return " ".join(lines[:3]) if isinstance(error, ArgumentError) else None


def repeated_by(command: str) -> str:
    """Return the command line that is running, to stand beside its results; the bare command where Python called it."""
    return f"{program()} {shlex.join(sys.argv[1:] if is_called() else [command])}"
