"""Settings: what configs and the command line say, as one tree, each value checked against the kinds of its option.

A later value takes the place of an earlier one; lists are replaced, objects are merged field by field. Short names of
plugins become class paths here, and nowhere else. What only the parser of a command can judge is left to it.
"""

import ast
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dprdm import registry
from dprdm.cli.kinds import ANYTHING, Built, Kind, Several
from dprdm.cli.signature import Signature, read_signature
from dprdm.cli.source import find_path, is_surely_absent
from dprdm.cli.values import TEXT, Text, convert, read_yaml
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
        kinds: which values are taken there.
        node: the dictionary or list that holds it, at `key`.
        rest: a dotted name below that, or nothing.
        value: as YAML has it; `Text` as it was typed.
        label: its dotted name from the top, for messages.
    """

    kinds: Sequence[Kind]
    node: Any
    key: Any
    rest: str
    value: Any
    label: str

    @property
    def current(self) -> Any:
        """What is there now."""
        return self.node.get(self.key) if isinstance(self.node, dict) else None


@dataclass(frozen=True, eq=False)
class Settings:
    """Values by option.

    Args:
        signature: of the command.
        tree: an object in it is a dictionary with `class_path` and `init_args`, or with its fields.
    """

    signature: Signature
    tree: dict[str, Any] = field(default_factory=dict)

    def add(self, content: Mapping[str, Any], file: str = "") -> bool:
        """Store values by dotted names; return whether that was possible. If not, only the parser can place them.

        Args:
            content: as YAML has it; `Text` as it was typed.
            file: the config that says so; nothing for the command line.

        Raises:
            UserError: if there is no such option or plugin, or it does not take this value.
        """
        pending, is_stored = _slots(self.signature, self.tree, content, "", file), True
        while pending:
            slot = pending.pop()
            kind = _object_kind(slot)
            if isinstance(kind, Built):
                inside = _open(kind, slot, file)
                is_stored = is_stored and inside is not None
                pending += inside or ()
            elif isinstance(kind, Several):
                slot.node[slot.key] = items = [None] * len(slot.value)
                for position, value in enumerate(slot.value):
                    pending.append(Slot(kind.items, items, position, "", value, f"{slot.label}[{position}]"))
            elif slot.rest or slot.value is PASSED_ON:
                is_stored = False
            else:
                slot.node[slot.key] = convert(slot.kinds, slot.value, slot.label, file)
        return is_stored


def object_of(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object that an option holds, empty where it holds none or only the name of one."""
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def _slots(signature: Signature, node: dict[str, Any], values: Mapping[str, Any], label: str, file: str) -> list[Slot]:
    """Where the values of an object go. Those of an open signature go in as they are."""
    slots = []
    for name, value in values.items():
        head, _, rest = name.partition(".")
        option, full = signature.options.get(head), f"{label}.{head}".strip(".")
        if option is None and not signature.is_open:
            raise UserError(_unknown(signature, head, full, file))
        slots.append(Slot(option.kinds if option is not None else (ANYTHING,), node, head, rest, value, full))
    return slots[::-1]


def _object_kind(slot: Slot) -> Kind | None:
    """The kind of the object, or of the list of objects, that a value is or is inside of; None if it is neither."""
    value, current = slot.value, slot.current
    objects = [kind for kind in slot.kinds if isinstance(kind, Built)]
    if not slot.rest and isinstance(value, list):
        lists = [kind for kind in slot.kinds if isinstance(kind, Several) and isinstance(kind.items[0], Built)]
        return lists[0] if len(lists) == 1 else None
    if len(objects) != 1 or (isinstance(current, list) and (slot.rest or isinstance(value, dict))):
        return None
    is_name = isinstance(value, str) and TEXT not in slot.kinds
    return objects[0] if slot.rest or isinstance(value, dict) or is_name or len(slot.kinds) == 1 else None


def _open(kind: Built, slot: Slot, file: str) -> list[Slot] | None:
    """The values inside an object, its class settled; None if the class is unknown. What is no object is stored."""
    value, current = slot.value, slot.current
    if slot.rest:
        value = {slot.rest: value}
    elif isinstance(value, Text):
        value = read_yaml(value)
    if isinstance(value, str) and kind.plugin is not None:
        described = registry.describe_unregistered(kind.plugin, value)
        value = described or (value if Path(value).is_file() else {"class_path": value})
    if not isinstance(value, dict):
        if value is None and len(slot.kinds) == 1 and kind.plugin is not None:
            registry.class_path(kind.plugin, None)
        slot.node[slot.key] = value
        return []
    spec = dict(current) if isinstance(current, dict) else {"class_path": current} if isinstance(current, str) else {}
    if kind.is_group and "class_path" not in {*value, *spec}:
        slot.node[slot.key] = spec
        return _slots(read_signature(kind.path), spec, value, slot.label, file)
    path = _class_path(kind, value.get("class_path", spec.get("class_path")), slot.label)
    if path is None and slot.rest:
        return None
    if path is None:
        slot.node[slot.key] = slot.value
        return []
    signature, arguments = read_signature(path), object_of(spec, "init_args")
    if path != spec.get("class_path") and not signature.is_open:  # what another class leaves, where this one takes it
        arguments = {name: arguments[name] for name in arguments if name in signature.options}
    slot.node[slot.key] = {**spec, "class_path": path, "init_args": arguments}
    values = dict(object_of(value, "init_args"))
    for name in value:
        if name == "dict_kwargs":
            slot.node[slot.key][name] = value[name]
        elif name not in {"class_path", "init_args"}:
            values[name.removeprefix("init_args.")] = value[name]
    return _slots(signature, arguments, values, slot.label, file)


def _class_path(kind: Built, name: Any, label: str) -> str | None:
    """The full path of a class; None if nothing says which."""
    if name is None and kind.plugin is not None and (definition := find_path(kind.path)) is not None:
        bases = definition.node.bases if isinstance(definition.node, ast.ClassDef) else []
        return None if "ABC" in map(ast.unparse, bases) else kind.path
    if not isinstance(name, str):
        return None
    path = registry.current_path(str(name))
    if "." not in path:
        return registry.class_path(kind.plugin, path) if kind.plugin is not None else path
    if is_surely_absent(path):
        raise UserError(f"Expected --{label} to name a class, and there is none called {path}.")
    return path


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
