"""A subcommand that is a function: its signature and docstring make the parser."""

import inspect
import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser

from dprdm.errors import UserError
from dprdm.resources import resolve_configs


def run_function(command: str, function: Callable[..., Any], arguments: list[str], as_positional: bool) -> int:
    """Parse `arguments` for `function` and call it; return its exit code, 0 if it returns none.

    Args:
        command: its name on the command line.
        function: its parameters are the options.
        arguments: what follows the command.
        as_positional: parameters without a default are given by position, not by name.
    """
    parser = ArgumentParser(prog=f"main.py {command}", exit_on_error=False, description=_first_line(function))
    parser.add_argument("--config", action=ActionConfigFile, help="a YAML file with any of the options below")
    parser.add_function_arguments(function, as_positional=as_positional)
    try:
        spelt_out = _gather_lists(function, _spell_out_flags(function, arguments))
        config = parser.parse_args(resolve_configs(spelt_out))
    except ArgumentError as error:
        raise UserError(one_sentence(error)) from error
    try:
        objects = parser.instantiate_classes(config)
    except ValueError as error:
        if sentence := sentence_inside(error):
            raise UserError(sentence) from error
        raise
    code = function(**{name: value for name, value in vars(objects).items() if name != "config"})
    return int(code or 0)


def _spell_out_flags(function: Callable[..., Any], arguments: list[str]) -> list[str]:
    """`--json` alone as `--json=true`."""
    parameters = inspect.signature(function).parameters.values()
    flags = {f"--{parameter.name}" for parameter in parameters if parameter.annotation is bool}
    following = [*arguments[1:], "--"]
    return [
        f"{argument}=true" if argument in flags and after.startswith("--") else argument
        for argument, after in zip(arguments, following, strict=False)
    ]


def repeated_by(command: str) -> str:
    """The command line that is running, to stand beside its results; the bare command where Python called it."""
    given = sys.argv[1:] if Path(sys.argv[0]).name == "main.py" else [command]
    return shlex.join(["python", "main.py", *given])


def _gather_lists(function: Callable[..., Any], arguments: list[str]) -> list[str]:
    """`a b --results c d` as `--runs=["a", "b"] --results=["c", "d"]`, where these parameters are lists of paths.

    What stands before the first option belongs to the first parameter, if that is a list.
    """
    parameters = list(inspect.signature(function).parameters.values())
    lists = {f"--{parameter.name}" for parameter in parameters if parameter.annotation == list[Path]}
    first = f"--{parameters[0].name}" if parameters else ""
    gathered: list[str] = []
    values: dict[str, list[str]] = {}
    current = first if first in lists else None
    for argument in arguments:
        if argument.startswith("--"):
            option = argument.partition("=")[0]
            current = option if option in lists and "=" not in argument else None
            if current is None:
                gathered.append(argument)
        elif current is not None:
            values.setdefault(current, []).append(argument)
        else:
            gathered.append(argument)
    return [*gathered, *(f"{option}={json.dumps(found)}" for option, found in values.items())]


def sentence_inside(error: BaseException) -> str | None:
    """What a class of ours said while the parser made it, or what the parser itself complains of; None if neither."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, UserError):
            return str(inner)
        inner = inner.__cause__ or inner.__context__
    return one_sentence(error) if isinstance(error, ArgumentError) else None


def one_sentence(error: Exception) -> str:
    """What a parser complains of, without its lines of alternatives."""
    text = str(error)
    key = re.search(r"(?:Parser key|key) [\"']([\w.]+)[\"']", text)
    kinds = re.search(r"Subtypes: \[(.*)\]", text) or re.search(r"Expected a (<class '[\w.]+'>)", text)
    value = re.search(r"Given value: (.*)", text)
    if key and (nested := re.search(r"NestedArg\(key='([\w.]+)', val=(.*)\)", text)):
        return f"Expected {key[1]}.{nested[1]} to be an option that it has, with a valid value; got {nested[2]}."
    if key and (made := re.search(r"Given value: Namespace\(class_path='([\w.]+)'", text)):
        name = made[1].rpartition(".")[2]
        return f"Expected --{key[1]} with all the options that {name} needs; `--{key[1]}.help {made[1]}` lists them."
    if key and kinds and value:
        names = [name for name in re.findall(r"<class '(?:\w+\.)*(\w+)'>", kinds[1]) if name != "NoneType"]
        readable = " or ".join({"float": "a number", "int": "a whole number"}.get(name, name) for name in names)
        return f"Expected {key[1]} to be {readable or 'valid'}, got {value[1].strip()}."
    lines = [line.strip(" -") for line in text.splitlines() if line.strip(" -")]
    return " ".join(lines[:3])


def _first_line(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").strip().splitlines()[0]
