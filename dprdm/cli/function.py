"""A command that is a function: its signature and docstring make the parser."""

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from dprdm.cli.argv import Arguments
from dprdm.cli.commands import is_called, program
from dprdm.errors import UserError


def run_function(function: Callable[..., Any], arguments: Arguments) -> int:
    """Call the function with these arguments; return its exit code, 0 if it returns none."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_function_arguments(function)
    with one_sentence():
        config = parser.parse_args(arguments.listed())
        for name, text in arguments.texts().items():
            config[name] = text
        objects = parser.instantiate_classes(config)
    code = function(**{name: value for name, value in vars(objects).items() if name != "config"})
    return int(code or 0)


def make(parser: ArgumentParser, settings: Mapping[str, Any]) -> Namespace:
    """Return the objects that a parser makes of settings. Raises UserError for what it, or a class, refuses."""
    with one_sentence():
        objects: Namespace = parser.instantiate_classes(parser.parse_object(dict(settings)))
        return objects


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what a parser raises into a UserError: what a class of ours said to it, or what it complains of itself."""
    try:
        yield
    except (ArgumentError, ValueError) as error:
        inner: BaseException | None = error
        while inner is not None:
            if isinstance(inner, UserError):
                raise UserError(str(inner)) from error
            inner = inner.__cause__ or inner.__context__
        if not isinstance(error, ArgumentError):
            raise
        lines = [line.strip(" -") for line in str(error).splitlines() if line.strip(" -")]
        raise UserError(" ".join(lines[:3])) from error


def repeated_by(command: str) -> str:
    """Return the command line that is running, to stand beside its results; the bare command where Python called it."""
    return f"{program()} {shlex.join(sys.argv[1:] if is_called() else [command])}"
