"""Settings: what configs and the command line say, as one tree, each value checked against the kind of its option.

A later value takes the place of an earlier one; lists are replaced, objects are merged field by field. Short names of
plugins become class paths here, and nowhere else. What only the parser of a command can judge is left to it.
"""

import ast
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dprdm import check, registry
from dprdm.cli.kinds import ANYTHING, Built, Existing, Kind, Scalar, Several, is_abstract
from dprdm.cli.signature import UNKNOWN, Signature, read_signature
from dprdm.cli.source import find_path, is_surely_absent
from dprdm.cli.values import Text, convert, read_yaml
from dprdm.errors import UserError

# What took the place of an option of version 0.4, by command.
FORMER = {
    ("dprdm.cli.index.index", name): "Name model and weights as one: --encoder MODEL/TAG."
    for name in ("model", "pretrained")
}
# Stands for a value that the parser alone can place: its option is looked up, and nothing is stored.
PASSED_ON = object()


@dataclass(frozen=True, eq=False)
class Slot:
    """A value, and where it is to go.

    Args:
        kind: which values are taken there.
        node: the dictionary or list that holds it, at `key`.
        rest: a dotted name below that, or nothing.
        value: as YAML has it; `Text` as it was typed.
        label: its dotted name from the top, for messages.
    """

    kind: Kind
    node: Any
    key: Any
    rest: str
    value: Any
    label: str


@dataclass(frozen=True, eq=False)
class Settings:
    """Values by option.

    Args:
        signature: of the command.
        tree: an object in it is a dictionary with `class_path` and `init_args`, or with its fields.
    """

    signature: Signature
    tree: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: Any, file: str = "") -> bool:
        """Store a value at a dotted name; return whether that was possible. If not, only the parser can place it.

        Args:
            name: as on the command line or in a config.
            value: as YAML has it; `Text` as it was typed.
            file: the config that says so; nothing for the command line.

        Raises:
            UserError: if there is no such option or plugin, or it does not take this value.
        """
        pending, is_stored = list(_slots(self.signature, self.tree, [(name, value)], "", file)), True
        while pending:
            slot = pending.pop()
            kind = _choose(slot)
            if isinstance(kind, Built):
                inside = _open(kind, slot, file)
                is_stored = is_stored and inside is not None
                pending += inside or ()
            elif isinstance(kind, Several) and isinstance(kind.item, Built):
                slot.node[slot.key] = items = [None] * len(slot.value)
                pending += [
                    Slot(kind.item, items, i, "", one, f"{slot.label}[{i}]") for i, one in enumerate(slot.value)
                ]
            elif slot.rest or slot.value is PASSED_ON:
                is_stored = False
            else:
                slot.node[slot.key] = convert(slot.kind, slot.value, slot.label, file)
        return is_stored

    def add_all(self, content: Mapping[str, Any], file: str) -> None:
        """Store what a config says."""
        for name, value in content.items():
            self.add(name, value, file)

    def require_complete(self, positional: tuple[str, ...] = ()) -> None:
        """Raise UserError if an option is missing, or if a check that a signature opens with does not pass.

        Args:
            positional: options that are shown as words of their own, not with dashes.
        """
        pending = [(self.signature, self.tree, "")]
        while pending:
            signature, node, label = pending.pop()
            missing = [o.name for o in signature.options.values() if o.expression is None and o.name not in node]
            if missing and label:
                of = f"{signature.path.rpartition('.')[2]} needs; {', '.join(missing)} is missing"
                raise UserError(f"Expected --{label} with all the options that {of}.")
            if missing:
                name = missing[0].upper() if missing[0] in positional else f"--{missing[0]}"
                raise UserError(f"Expected {name}, which has no default; --help says what it is.")
            _check(signature, node)
            for name, value in node.items():
                pending += _objects(signature, name, value, f"{label}.{name}" if label else name)


def _slots(
    signature: Signature, node: dict[str, Any], values: Iterable[tuple[str, Any]], label: str, file: str
) -> Iterator[Slot]:
    """Where the values of an object go. Those of an open signature go in as they are."""
    for name, value in values:
        head, _, rest = name.partition(".")
        option, full = signature.options.get(head), f"{label}.{head}" if label else head
        if option is not None:
            yield Slot(option.kind, node, head, rest, value, full)
        elif signature.is_open:
            yield Slot(ANYTHING, node, head, rest, value, full)
        else:
            raise UserError(_unknown(signature, head, full, file))


def _choose(slot: Slot) -> Kind:
    """The kind among several that the form of a value speaks for; any, if none does."""
    kinds = slot.kind.alternatives
    objects = [kind for kind in kinds if isinstance(kind, Built)]
    lists = [kind for kind in kinds if isinstance(kind, Several) and isinstance(kind.item, Built)]
    current = slot.node.get(slot.key) if isinstance(slot.node, dict) else None
    if isinstance(slot.value, list) and not slot.rest:
        return lists[0] if len(lists) == 1 else ANYTHING
    if slot.rest or isinstance(slot.value, dict):
        return objects[0] if len(objects) == 1 and not isinstance(current, list) else ANYTHING
    is_name = isinstance(slot.value, str) and Scalar(str) not in kinds
    return objects[0] if len(objects) == 1 and (is_name or len(kinds) == 1) else ANYTHING


def _open(kind: Built, slot: Slot, file: str) -> list[Slot] | None:
    """The values inside an object, its class settled; None if the class is unknown. What is no object is stored."""
    value = read_yaml(slot.value) if isinstance(slot.value, Text) and not slot.rest else slot.value
    if slot.rest:
        value = {slot.rest: value}
    elif kind.plugin is not None and (described := registry.describe_unregistered(kind.plugin, value)) is not None:
        value = described
    elif isinstance(value, str) and kind.plugin is not None and not Path(value).is_file():
        value = {"class_path": value}
    elif not isinstance(value, dict):
        if value is None and slot.kind is kind and kind.plugin is not None:
            registry.class_path(kind.plugin, None)
        slot.node[slot.key] = value
        return []
    current = slot.node.get(slot.key) if isinstance(slot.node, dict) else None
    spec = dict(current) if isinstance(current, dict) else {"class_path": current} if isinstance(current, str) else {}
    if kind.is_group and "class_path" not in {*value, *spec}:
        slot.node[slot.key] = spec
        return list(_slots(read_signature(kind.path), spec, value.items(), slot.label, file))
    path = _class_path(kind, value["class_path"] if "class_path" in value else spec.get("class_path"), slot.label)
    if path is None:
        slot.node[slot.key] = slot.value if not slot.rest else current
        return [] if not slot.rest else None
    signature, arguments = read_signature(path), spec.get("init_args") or {}
    if path != spec.get("class_path") and not signature.is_open:  # what another class leaves, where this one takes it
        arguments = {name: one for name, one in arguments.items() if name in signature.options}
    more = {"dict_kwargs": value["dict_kwargs"]} if "dict_kwargs" in value else {}
    slot.node[slot.key] = {**spec, **more, "class_path": path, "init_args": arguments}
    return list(_slots(signature, arguments, _arguments(value), slot.label, file))


def _arguments(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Arguments of a class: those under `init_args`, and those named without it."""
    for name, one in value.items():
        if name == "init_args" and isinstance(one, dict):
            yield from one.items()
        elif name not in {"class_path", "dict_kwargs"}:
            yield name.removeprefix("init_args."), one


def _class_path(kind: Built, name: Any, label: str) -> str | None:
    """The full path of a class; None if nothing says which."""
    if name is None and kind.plugin is not None and (found := find_path(kind.path)) is not None:
        return kind.path if isinstance(found.node, ast.ClassDef) and not is_abstract(found.node) else None
    if not isinstance(name, str):
        return None
    path = registry.current_path(str(name))
    if "." not in path:
        return registry.class_path(kind.plugin, path) if kind.plugin is not None else path
    if is_surely_absent(path):
        raise UserError(f"Expected --{label} to name a class, and there is none called {path}.")
    return path


def _objects(
    signature: Signature, name: str, value: Any, label: str
) -> Iterator[tuple[Signature, dict[str, Any], str]]:
    """The objects that an option holds, each with its signature."""
    option = signature.options.get(name)
    kinds = () if option is None else option.kind.alternatives
    groups = [kind.path for kind in kinds if isinstance(kind, Built) and kind.is_group]
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and isinstance(one.get("class_path"), str) and "init_args" in one:
            yield read_signature(one["class_path"]), one["init_args"], label
        elif isinstance(one, dict) and groups:
            yield read_signature(groups[0]), one, label


def _check(signature: Signature, node: dict[str, Any]) -> None:
    """Raise UserError for a path that is not there, and what the checks of a signature raise."""
    for name, option in signature.options.items():
        items = [kind.item if isinstance(kind, Several) else kind for kind in option.kind.alternatives]
        for kind in items if node.get(name) is not None else ():
            if isinstance(kind, Existing):
                for path in node[name] if isinstance(node[name], list) else [node[name]]:
                    getattr(check, kind.check)(**{name: Path(path)})
    for called in signature.checks:
        option = signature.options[called.option]
        value = node.get(called.option, option.default)
        if value is not UNKNOWN and value is not None and isinstance(value, str | int | float):
            called.apply(Path(value) if Scalar(Path) in option.kind.alternatives and isinstance(value, str) else value)


def _unknown(signature: Signature, name: str, label: str, file: str) -> str:
    nearest = difflib.get_close_matches(name, signature.options, n=1)
    dashes, where = ("", f" in {file}") if file else ("--", "")
    parent = label.removesuffix(name)
    if (signature.path, name) in FORMER:
        hint = FORMER[signature.path, name]
    elif nearest:
        hint = f"Did you mean {dashes}{parent}{nearest[0]}?"
    elif parent:
        hint = f"{signature.path.rpartition('.')[2]} has {', '.join(signature.options) or 'none'}."
    else:
        hint = "--help lists them."
    return f"Expected a known option{where}, got {dashes}{label}. {hint}"
