"""Single values: what was typed, or written in a config, as the type that an option takes."""

import difflib
import json
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader

from dprdm import registry
from dprdm.cli.kinds import ANYTHING, NOTHING, Built, Choice, Existing, Kind, PluginName, Scalar, Several
from dprdm.errors import UserError

WORDS: dict[type, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path", type(None): "null",
}  # fmt: skip
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


def convert(kind: Kind, value: Any, label: str, file: str) -> Any:
    """Return the value as one of its kind; as it is, where more than one kind could be meant.

    Raises:
        UserError: if it is of none of them. The sentence has `label`, the option's name, and `file` if a config says it.
    """
    kinds = kind.alternatives
    if ANYTHING in kinds or any(isinstance(one, Built) for one in kinds):
        return value
    meant = [one for one in kinds if one != NOTHING]
    if isinstance(value, Text) and len(meant) > 1 and Scalar(str) in meant:
        return value
    is_text = meant == [Scalar(str)] and isinstance(value, str)  # anything else may be null
    for one in meant if is_text else sorted(kinds, key=lambda one: one != NOTHING):
        if (converted := _convert(one, value)) is not REFUSED:
            return converted
    hint = " Put it in quotes." if meant[-1] in (Scalar(str), Several(Scalar(str))) else _nearest(value, meant)
    where, words = f" in {file}" if file else "", " or ".join(dict.fromkeys(map(_words, meant)))
    raise UserError(f"Expected {label}{where} to be {words}, got {shown(value)}.{hint}")


def shown(value: Any) -> str:
    """Return a value as a config would have it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _convert(kind: Kind, value: Any) -> Any:
    """The value as one of a single kind, or REFUSED."""
    read = read_yaml(value) if isinstance(value, str) else value
    match kind:
        case Scalar(type=wanted) if wanted in (str, Path):
            return str(value) if isinstance(value, str) else REFUSED
        case Existing():
            return str(value) if isinstance(value, str) else REFUSED
        case Scalar(type=wanted) if wanted is float:
            return float(read) if isinstance(read, int | float) and not isinstance(read, bool) else REFUSED
        case Scalar(type=wanted):
            return read if type(read) is wanted else REFUSED
        case Choice(values=values):
            return next((one for one in (value, read) if one in values), REFUSED)
        case PluginName(plugin=plugin, is_joined=is_joined):
            for name in str(value).split(",") if is_joined else [value]:
                registry.describe(plugin, name.strip() if is_joined else name)
            return str(value)
        case Several(item=item):
            items = read if isinstance(read, list) else [value] if isinstance(value, Text) else [REFUSED]
            converted = [REFUSED if one is REFUSED else _convert(item, one) for one in items]
            return REFUSED if REFUSED in converted else converted
    return value


def _words(kind: Kind) -> str:
    match kind:
        case Scalar(type=wanted):
            return WORDS[wanted]
        case Existing(check=what):
            return f"the path of a {what}"
        case Choice(values=values):
            return f"one of {', '.join(map(str, values))}"
        case Several(item=Scalar(type=wanted)) if wanted in (int, float):
            return "a list of numbers, such as [1, 10]"
    return "a list"


def _nearest(value: Any, kinds: list[Kind]) -> str:
    choices = [str(one) for kind in kinds if isinstance(kind, Choice) for one in kind.values]
    nearest = difflib.get_close_matches(str(value), choices, n=1)
    return f" Did you mean {nearest[0]}?" if nearest else ""
