"""The one pass over argv: words and configs in, checked settings and the arguments of a parser out.

A word after an option that takes a value is its value, whatever it looks like, unless it starts with two dashes; `--option=`
takes those, too. Text is taken as it was typed and never read as YAML. Options may be written with - or _.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from jsonargparse import get_loader

from dprdm.cli.commands import Command
from dprdm.cli.kinds import NOTHING, Existing, Kind, PluginName, Scalar, Several
from dprdm.cli.settings import PASSED_ON, Settings
from dprdm.cli.signature import Signature
from dprdm.cli.values import TEXT, Text
from dprdm.errors import UserError
from dprdm.resources import find_config
from dprdm.runs.old_configs import current_config

# Questions to the parser itself, and what it calls them.
QUESTIONS = {"print_config": "--print_config", "help_all": "--help"}


@dataclass(frozen=True, eq=False)
class Arguments:
    """What a command was called with.

    Args:
        settings: checked; of configs and command line together.
        named: options that the command line names, nested ones by their first part.
        rest: words that only the parser understands.
    """

    settings: Settings
    named: frozenset[str]
    rest: tuple[str, ...]

    def listed(self) -> list[str]:
        """Return them as arguments of the command's parser."""
        return [f"--config={json.dumps(self.settings.tree)}", *self.rest]

    def texts(self) -> dict[str, str]:
        """Return options that are text, as they were typed: a parser takes `null`, and `# 1`, for nothing."""
        options = self.settings.signature.options
        texts = {name: value for name, value in self.settings.tree.items() if isinstance(value, str)}
        return {name: value for name, value in texts.items() if {*options[name].kinds} <= {TEXT, NOTHING}}

    @property
    def is_question(self) -> bool:
        """Whether something is only to be printed about them."""
        return not {*QUESTIONS.values()}.isdisjoint(word.partition("=")[0] for word in self.rest)


def read_arguments(
    command: Command, words: Sequence[str], base: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> Arguments:
    """Return what the words say, configs included.

    Args:
        command: says which options there are.
        words: what follows it on the command line.
        base: settings that hold where nothing else is said, by the config that they come from.

    Raises:
        UserError: for an option or a plugin that there is not, a value that an option does not take, or a missing config.
    """
    signature = command.signature()
    settings, named, rest = Settings(signature), set[str](), list[str]()
    lists: dict[str, list[str]] = {}
    for file, content in base.items():
        settings.add(content, file)
    for name, value in _pairs(signature, command.positional, words):
        plain = name.rstrip("+")
        option = signature.options.get(plain)
        if name in QUESTIONS or name.endswith(".help"):
            rest.append("=".join([QUESTIONS.get(name, f"--{name}"), *([value] if value else [])]))
        elif name == "config":
            settings.add(read_config(str(value)), str(value))
        elif option is not None and Several((TEXT,)) in option.kinds:
            settings.add({plain: [*(settings.tree.get(plain) or []), str(value)]})
        elif isinstance(value, list):
            lists[name] = [*lists.get(name, []), *value]
            settings.add({name: lists[name]})
        elif not settings.add({plain: PASSED_ON if name != plain else value}):
            rest.append(f"--{name}={value}")
        named.add(plain.partition(".")[0])
    return Arguments(settings, frozenset(named - {"config", *QUESTIONS}), tuple(rest))


def read_config(name: str) -> dict[str, Any]:
    """Return what the config of this name says, as the parser reads YAML. Raises UserError if it cannot be read."""
    file = find_config(name)
    try:
        content = current_config(get_loader("yaml")(Path(file).read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"Expected YAML in {name}, and reading it failed: {' '.join(str(error).split())}") from error
    if content is not None and not isinstance(content, dict):
        raise UserError(f"Expected options in {name}, such as `eps: 10`, got {content!r}.")
    return {str(key): value for key, value in (content or {}).items()}


def names_config(words: Sequence[str]) -> bool:
    """Return whether a config is named on the command line."""
    return any(word in {"-c", "--config"} or word.startswith("--config=") for word in words)


def _pairs(signature: Signature, positional: Sequence[str], words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Each option with its value: text, or a list of texts where it takes several words."""
    pending, places = deque(words), deque(positional)
    while pending:
        word = pending.popleft()
        option, equals, text = word.partition("=")
        name = "config" if word == "-c" else option.removeprefix("--").replace("-", "_")
        kinds = signature.options[name].kinds if name in signature.options else ()
        if not word.startswith("--") and word != "-c":
            if not places:
                raise UserError(f"Expected an option, got {word!r}. Put quotes around a value that has spaces.")
            kinds = signature.options[places[0]].kinds
            yield (places[0], [word, *_following(pending)]) if _is_list(kinds) else (places.popleft(), Text(word))
        elif equals:
            yield name, Text(text)
        elif name in QUESTIONS:
            yield name, None
        elif Scalar(bool) in kinds and not (pending and pending[0].lower() in {"true", "false"}):
            yield name, Text("true")
        elif _is_list(kinds):
            following = _following(pending)
            yield name, Text(following[0]) if len(following) == 1 and following[0][:1] == "[" else following
        elif pending and not pending[0].startswith("--"):
            yield name, Text(pending.popleft())
        elif name.endswith(".help"):
            yield name, None
        else:
            Settings(signature).add({name: PASSED_ON})  # a name that there is not is the worse mistake
            raise UserError(f"Expected a value after {word}.")


def _is_list(kinds: Sequence[Kind]) -> bool:
    items = [kind.items[0] for kind in kinds if isinstance(kind, Several)]
    return any(item == Scalar(Path) or isinstance(item, Existing | PluginName) for item in items)


def _following(pending: deque[str]) -> list[str]:
    """The words up to the next option, taken."""
    words = []
    while pending and not pending[0].startswith("--"):
        words.append(pending.popleft())
    return words
