"""Which values an option takes, as its annotation says it."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dprdm.cli.source import Definition, Module, find_definition
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

    @property
    def alternatives(self) -> "tuple[Kind, ...]":
        """The kinds it consists of."""
        return (self,)


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
    """A list."""

    item: Kind


@dataclass(frozen=True)
class Built(Kind):
    """An object of a class, or of one derived from it.

    Args:
        path: full name of the class.
        plugin: the kind of the registry whose short names stand for such classes; None if there is none.
        is_group: whether its fields stand in a config as they are, without `class_path` and `init_args`.
    """

    path: str
    plugin: str | None = None
    is_group: bool = False


@dataclass(frozen=True)
class Either(Kind):
    """One of several kinds."""

    kinds: tuple[Kind, ...]

    @property
    def alternatives(self) -> tuple[Kind, ...]:
        """The kinds it consists of."""
        return self.kinds


ANYTHING = Kind()
NOTHING = Scalar(type(None))


def kind_of(annotation: ast.AST | None, module: Module) -> Kind:
    """Return which values an annotation allows; any, where the source alone does not say."""
    match annotation:
        case ast.Constant(value=None):
            return NOTHING
        case ast.Constant(value=str(text)):
            return kind_of(ast.parse(text, mode="eval").body, module)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _either([left, right], module)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _either([inner, ast.Constant(None)], module)
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=inner)):
            return _either(inner, module)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            values = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return Choice(tuple(ast.literal_eval(value) for value in values))
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in LISTS:
            return Several(kind_of(inner, module))
        case ast.Name(id=name) if name in PLUGIN_NAMES:
            return PluginName(PLUGIN_NAMES[name])
        case ast.Name(id=name) if name in JOINED_NAMES:
            return PluginName(JOINED_NAMES[name], is_joined=True)
        case ast.Name(id=name) if name in EXISTING:
            return Existing(EXISTING[name])
        case ast.Name(id=name) if name in SCALARS:
            return Scalar(SCALARS[name])
        case ast.Name() | ast.Attribute():
            return _kind_of_name(find_definition(module, ast.unparse(annotation)))
    return ANYTHING


def lineage(definition: Definition) -> Iterator[Definition | None]:
    """Yield a class and the classes it derives from, nearest first; None for one whose source is not here."""
    pending: list[Definition | None] = [definition]
    while pending:
        current = pending.pop(0)
        if current is None or not isinstance(current.node, ast.ClassDef):
            yield None
            continue
        yield current
        bases = [ast.unparse(base).partition("[")[0] for base in current.node.bases]
        pending += [find_definition(current.module, base) for base in bases if base not in WITHOUT_OPTIONS]


def is_dataclass(node: ast.ClassDef) -> bool:
    """Return whether a class is decorated so."""
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def is_abstract(node: ast.ClassDef) -> bool:
    """Return whether a class names ABC or Protocol among its bases."""
    return bool({"ABC", "Protocol"} & {ast.unparse(base) for base in node.bases})


def _either(annotations: Sequence[ast.expr], module: Module) -> Kind:
    kinds: dict[Kind, None] = {}
    for annotation in annotations:
        kinds.update(dict.fromkeys(kind_of(annotation, module).alternatives))
    return Either(tuple(kinds))


def _kind_of_name(definition: Definition | None) -> Kind:
    if definition is None:
        return ANYTHING
    if not isinstance(definition.node, ast.ClassDef):
        return kind_of(definition.node, definition.module)  # an alias
    paths = {ancestor.path for ancestor in lineage(definition) if ancestor is not None}
    plugin = next((name for name, kind in KINDS.items() if kind.base.replace(":", ".") in paths), None)
    return Built(definition.path, plugin, is_group=plugin is None and is_dataclass(definition.node))
