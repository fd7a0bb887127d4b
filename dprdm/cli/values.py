"""Single values: what was typed, or written in a config, as the type that an option takes."""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader

from dprdm import registry
from dprdm.cli.kinds import ANYTHING, NOTHING, Built, Choice, Existing, Kind, PluginName, Scalar, Several
from dprdm.errors import UserError

WORDS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
TEXT = Scalar(str)
REFUSED = object()


class Text(str):
    """A value as it was typed."""

    __slots__ = ()


def read_yaml(text: str) -> Any:
    """Return what a value means as YAML, read as the parser of a command reads it; the text itself if it is none."""
    try:
        return get_loader("yaml")(str(text))
    except yaml.YAMLError:
        return text


def convert(kinds: Sequence[Kind], value: Any, label: str, file: str) -> Any:
    """Return the value as one of these kinds; as it is, where the parser of the command must choose.

    Raises:
        UserError: if it is of none of them. The sentence has `label`, the option's name, and `file` if a config says it.
    """
    converted = _convert(kinds, value)
    if converted is not REFUSED:
        return converted
    meant = [kind for kind in kinds if kind != NOTHING]
    hint = " Put it in quotes." if meant[-1] in (TEXT, Several((TEXT,))) else _nearest(value, meant)
    where, words = f" in {file}" if file else "", " or ".join(dict.fromkeys(map(_words, meant)))
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    raise UserError(f"Expected {label}{where} to be {words}, got {shown}.{hint}")


def _convert(kinds: Sequence[Kind], value: Any) -> Any:
    """The value as the first of the kinds that takes it, or REFUSED. What is not text alone may be null."""
    is_typed = isinstance(value, Text)
    if TEXT in kinds and {*kinds} <= {TEXT, NOTHING} and isinstance(value, str):
        return str(value)
    if is_typed and TEXT in kinds:
        return value
    read = read_yaml(value) if isinstance(value, str) else value
    if read is None and NOTHING in kinds:
        return None
    for kind in kinds:
        match kind:
            case Built():
                return value
            case Existing() if isinstance(value, str):
                return str(value)
            case Scalar(type=wanted) if wanted in (str, Path) and isinstance(value, str):
                return str(value)
            case Scalar(type=wanted) if (
                wanted is float and isinstance(read, int | float) and not isinstance(read, bool)
            ):
                return float(read)
            case Scalar(type=wanted) if type(read) is wanted:
                return read
            case Choice(values=values) if value in values or read in values:
                return value if value in values else read
            case PluginName(plugin=plugin, is_joined=is_joined):
                for name in str(value).split(",") if is_joined else [value]:
                    registry.describe(plugin, name.strip() if is_joined else name)
                return str(value)
            case Several(items=items) if isinstance(read, list) or is_typed:
                converted = [_convert(items, item) for item in (read if isinstance(read, list) else [value])]
                if REFUSED not in converted:
                    return converted
    return value if ANYTHING in kinds else REFUSED


def _words(kind: Kind) -> str:
    match kind:
        case Scalar(type=wanted):
            return WORDS[wanted]
        case Existing(check=what):
            return f"the path of a {what}"
        case Choice(values=values):
            return f"one of {', '.join(map(str, values))}"
        case Several(items=(Scalar(type=wanted),)) if wanted in (int, float):
            return "a list of numbers, such as [1, 10]"
        case Several(items=(Scalar(type=wanted),)) if wanted is str:
            return "a list of texts"
    return "a list"


def _nearest(value: Any, kinds: Sequence[Kind]) -> str:
    choices = [str(choice) for kind in kinds if isinstance(kind, Choice) for choice in kind.values]
    nearest = difflib.get_close_matches(str(value), choices, n=1)
    return f" Did you mean {nearest[0]}?" if nearest else ""
