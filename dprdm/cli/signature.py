"""What a command, a class or a plugin takes: its options, and the checks that its body opens with.

Read from the source text. The parser that runs a command reads the same signature, so there is one list of options.
"""

import ast
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dprdm.cli.kinds import NOTHING, Kind, is_dataclass, kinds_of, lineage
from dprdm.cli.source import SourceModule, find_definition, find_method, find_path

UNKNOWN = object()  # a default that the source alone does not tell


@dataclass(frozen=True, eq=False)
class Option:
    """A parameter, with the expressions of its annotation and of its default; without a default, it must be set."""

    name: str
    annotation: ast.AST | Kind | None
    expression: ast.AST | None
    module: SourceModule

    @functools.cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Which values it takes."""
        kinds = kinds_of(self.annotation, self.module)
        return (*kinds, NOTHING) if self.default is None and NOTHING not in kinds else kinds

    @functools.cached_property
    def default(self) -> Any:
        """Its default value; UNKNOWN where the source does not tell, or where there is none."""
        node = self.expression
        while isinstance(node, ast.Name | ast.Attribute):  # a constant, here or in another module
            definition = find_definition(self.module, ast.unparse(node))
            node = definition.node if definition is not None else None
        match node:
            case None:
                return UNKNOWN
            case ast.Call(func=ast.Name(id="Path"), args=[ast.Constant(value=path)]):
                return path
            case ast.Call(
                func=ast.Name(id="field"), keywords=[ast.keyword(arg="default_factory", value=ast.Name(id="list"))]
            ):
                return []
        try:
            return ast.literal_eval(ast.unparse(node))
        except ValueError:
            return UNKNOWN


@dataclass(frozen=True)
class Check:
    """A call such as `check.in_range(0, 1, rate=rate)`: the function, its limits, the keyword, and the option looked at."""

    function: str
    limits: tuple[Any, ...]
    keyword: str
    option: str


@dataclass(frozen=True, eq=False)
class Signature:
    """What a function or a class takes.

    Args:
        path: its full name.
        options: by name.
        checks: what its body looks at first.
        docstring: as it stands there.
        is_open: whether it takes more than the source says.
    """

    path: str
    options: Mapping[str, Option]
    checks: tuple[Check, ...] = ()
    docstring: str = ""
    is_open: bool = False


@functools.cache
def read_signature(path: str) -> Signature:
    """Return what the function or class of this full name takes; an open one, where there is no source that says it."""
    definition = find_path(path)
    if definition is None or not isinstance(definition.node, ast.FunctionDef | ast.ClassDef):
        return Signature(path, {}, is_open=True)
    docstring = ast.get_docstring(definition.node) or ""
    classes, is_whole = lineage(definition)
    function, module = (
        (definition.node, definition.module) if isinstance(definition.node, ast.FunctionDef) else (None, None)
    )
    for base in classes:
        if function is None and (function := find_method(base, "__init__")) is not None:
            module = base.module
    if function is not None and module is not None:
        options = _parameters(function, module)
        checks = _checks(function, module, options)
        return Signature(path, options, tuple(checks), docstring, is_open=function.args.kwarg is not None)
    options, checks = {}, []
    for base in reversed(classes):
        options |= _fields(base.node, base.module) if is_dataclass(base) else {}
    for base in classes:
        if (method := find_method(base, "__post_init__")) is not None:
            checks += _checks(method, base.module, options)
    return Signature(path, options, tuple(checks), docstring, is_open=not is_whole)


def _parameters(function: ast.FunctionDef, module: SourceModule) -> dict[str, Option]:
    """Options that are parameters."""
    arguments = function.args
    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [
        *zip(arguments.args, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    options = {argument.arg: Option(argument.arg, argument.annotation, default, module) for argument, default in pairs}
    options.pop("self", None)
    return options


def _fields(node: ast.AST, module: SourceModule) -> dict[str, Option]:
    """Options that are fields of a dataclass, those that its constructor takes."""
    options = {}
    for field in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = ast.unparse(field)
            if "ClassVar" not in text and "init=False" not in text:
                options[field.target.id] = Option(field.target.id, field.annotation, field.value, module)
    return options


def _checks(function: ast.FunctionDef, module: SourceModule, options: Iterable[str]) -> list[Check]:
    """Calls of `dprdm.check` on options as they came in, up to where the body may return."""
    checks: list[Check] = []
    unchanged = set(options)
    if "check" in unchanged or module.bindings.get("check") != ("dprdm", "check"):
        return checks
    pending = function.body[::-1]
    while pending:
        statement = pending.pop()
        inside = list(ast.walk(statement))
        if ast.Return in map(type, inside):
            break
        match statement:
            case ast.If(test=ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]), orelse=[]):
                pending += statement.body[::-1]  # no check looks at an option that is None
                continue
            case ast.Expr(value=value) | ast.Assign(value=value):
                for node in getattr(value, "elts", [value]):
                    checks += _calls(node, unchanged)
        unchanged -= {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return checks


def _calls(node: ast.AST, options: set[str]) -> list[Check]:
    """`check.f(limits, name=option)`, and a check in the place of the option; none whose limits are not written as numbers."""
    calls: list[tuple[str, list[ast.expr], str]] = []
    while True:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="check"), attr=name), keywords=[ast.keyword(arg=str(word))]
            ):
                calls.append((name, node.args, word))
                node = node.keywords[0].value
            case ast.Call(func=ast.Name(id="Path"), args=[inner]):
                node = inner
            case ast.Name(id=option) | ast.Attribute(value=ast.Name(id="self"), attr=option) if option in options:
                checks = []
                for name, limits, word in calls:
                    if {*map(type, limits)} <= {ast.Constant}:
                        checks.append(Check(name, ast.literal_eval(ast.Tuple(limits, ast.Load())), word, option))
                return checks
            case _:
                return []
