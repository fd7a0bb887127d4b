"""Which values an option takes, as its annotation says it: one or more kinds."""

import ast
from dataclasses import dataclass
from pathlib import Path

from dprdm.cli.source import Definition, SourceModule, find_definition
from dprdm.registry import KINDS

SCALARS = {"int": int, "float": float, "bool": bool, "str": str, "Path": Path}
LISTS = {"list", "List", "Sequence", "Iterable"}
# Annotations of `dprdm.types` that stand for paths that must exist, by the check for it, and for plugins' short names.
EXISTING = {"ExistingFile": "file", "ExistingFolder": "folder"}
PLUGIN_NAMES = {
    "MechanismName": "mechanism",
    "RetrieverName": "retriever",
    "DenoiserName": "denoiser",
    "EncoderName": "encoder",
    "MetricName": "metric",
}
JOINED_NAMES = {"MetricNames": "metric"}
WITHOUT_OPTIONS = {"ABC", "Protocol", "Generic", "object"}  # bases that take none


@dataclass(frozen=True)
class Kind:
    """Values that an option takes. By itself: any."""


@dataclass(frozen=True)
class Scalar(Kind):
    """A value of a type: int, float, bool, str, Path, or the type of None."""

    type: type


@dataclass(frozen=True)
class Existing(Kind):
    """A path to what is there: the check is a function of `dprdm.check`."""

    check: str


@dataclass(frozen=True)
class Choice(Kind):
    """One of some values."""

    values: tuple[object, ...]


@dataclass(frozen=True)
class PluginName(Kind):
    """The short name of a plugin of a kind of the registry, or several with commas between them."""

    plugin: str
    is_joined: bool = False


@dataclass(frozen=True)
class Several(Kind):
    """A list of items of some kinds."""

    items: tuple[Kind, ...]


@dataclass(frozen=True)
class Built(Kind):
    """An object of a class, or of a class derived from it.

    Args:
        path: full name of the class.
        plugin: the kind of the registry whose short names stand for such classes; None if there is none.
        is_group: whether its fields stand in a config as they are, without `class_path` and `init_args`.
    """

    path: str
    plugin: str | None = None
    is_group: bool = False


ANYTHING = Kind()
NOTHING = Scalar(type(None))


def kinds_of(annotation: ast.AST | Kind | None, module: SourceModule) -> tuple[Kind, ...]:
    """Return which values an annotation allows; any, where the source alone does not say. A kind is one itself."""
    kinds: list[Kind] = []
    bases = {kind.base.replace(":", "."): name for name, kind in KINDS.items()}
    pending: list[tuple[ast.AST | Kind | None, SourceModule]] = [(annotation, module)]
    while pending:
        node, module = pending.pop()
        match node:
            case Kind():
                kinds.append(node)
            case ast.Constant(value=None):
                kinds.append(NOTHING)
            case ast.Constant(value=str(text)):
                pending.append((ast.parse(text, mode="eval").body, module))
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                pending += [(right, module), (left, module)]
            case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
                pending += [(ast.Constant(None), module), (inner, module)]
            case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=inner)):
                pending += [(part, module) for part in reversed(inner)]
            case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
                values = ast.literal_eval(inner)
                kinds.append(Choice(values if isinstance(values, tuple) else (values,)))
            case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in LISTS:
                kinds.append(Several(kinds_of(inner, module)))
            case ast.Name(id=name) if name in PLUGIN_NAMES:
                kinds.append(PluginName(PLUGIN_NAMES[name]))
            case ast.Name(id=name) if name in JOINED_NAMES:
                kinds.append(PluginName(JOINED_NAMES[name], is_joined=True))
            case ast.Name(id=name) if name in EXISTING:
                kinds.append(Existing(EXISTING[name]))
            case ast.Name(id=name) if name in SCALARS:
                kinds.append(Scalar(SCALARS[name]))
            case ast.Name() | ast.Attribute():
                definition = find_definition(module, ast.unparse(node))
                if definition is not None and isinstance(definition.node, ast.ClassDef):
                    plugin = next((bases[base.path] for base in lineage(definition)[0] if base.path in bases), None)
                    kinds.append(Built(definition.path, plugin, plugin is None and is_dataclass(definition)))
                else:  # an alias, or unknown
                    pending.append((definition.node, definition.module) if definition is not None else (None, module))
            case _:
                kinds.append(ANYTHING)
    return tuple(dict.fromkeys(kinds))


def lineage(definition: Definition) -> tuple[list[Definition], bool]:
    """Return a class and the classes it derives from, nearest first, and whether the source of all of them is here."""
    classes, is_whole = [], True
    pending: list[Definition | None] = [definition]
    while pending:
        current = pending.pop(0)
        if current is None or not isinstance(current.node, ast.ClassDef):
            is_whole = False
            continue
        classes.append(current)
        for base in current.node.bases:
            name = ast.unparse(base).partition("[")[0]
            if name not in WITHOUT_OPTIONS:
                pending.append(find_definition(current.module, name))
    return classes, is_whole


def is_dataclass(definition: Definition) -> bool:
    """Return whether a class is decorated so."""
    decorators = definition.node.decorator_list if isinstance(definition.node, ast.ClassDef) else []
    return "dataclass" in " ".join(map(ast.unparse, decorators))
