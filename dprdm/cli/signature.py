"""What a command, a class or a plugin takes: its options, and the checks that its body opens with.

Read from the source text. The parser that runs a command reads the same signature, so there is one list of options.
"""

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dprdm import check
from dprdm.cli.kinds import NOTHING, Either, Kind, is_dataclass, kind_of, lineage
from dprdm.cli.source import Definition, Module, find_definition, find_method, find_path

UNKNOWN = object()  # a default that the source alone does not tell


@dataclass(frozen=True, eq=False)
class Option:
    """A parameter: which values it takes, and the expression of its default, None if it has to be given."""

    name: str
    kind: Kind
    expression: ast.expr | None
    module: Module

    @functools.cached_property
    def default(self) -> Any:
        """Its default value; UNKNOWN where the source does not tell, or where there is none."""
        node: ast.AST | None = self.expression
        while isinstance(node, ast.Name | ast.Attribute):  # a constant, here or in another module
            definition = find_definition(self.module, ast.unparse(node))
            node = definition.node if definition is not None else None
        match node:
            case ast.Call(func=ast.Name(id="Path"), args=[ast.Constant(value=path)]):
                return path
            case ast.Call(
                func=ast.Name(id="field"), keywords=[ast.keyword(arg="default_factory", value=ast.Name(id="list"))]
            ):
                return []
        try:
            return UNKNOWN if node is None else ast.literal_eval(ast.unparse(node))
        except ValueError:
            return UNKNOWN


@dataclass(frozen=True)
class Check:
    """A call such as `check.in_range(0, 1, rate=rate)`: the function, its limits, and the option that it looks at."""

    function: str
    limits: tuple[Any, ...]
    keyword: str
    option: str

    def apply(self, value: Any) -> None:
        """Raise UserError if the value does not pass."""
        getattr(check, self.function)(*self.limits, **{self.keyword: value})


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
    if isinstance(definition.node, ast.FunctionDef):
        return _of_function(path, docstring, definition.module, definition.node)
    classes = list(lineage(definition))
    for base in classes:
        if base is not None and (method := find_method(base, "__init__")) is not None:
            return _of_function(path, docstring, base.module, method)
    sources = [base for base in classes if base is not None]
    options = {option.name: option for base in reversed(sources) for option in _fields(base)}
    checks = [found for base in sources for found in _checks(find_method(base, "__post_init__"), base.module, options)]
    return Signature(path, options, tuple(checks), docstring, is_open=None in classes)


def _of_function(path: str, docstring: str, module: Module, node: ast.FunctionDef) -> Signature:
    arguments = node.args
    positional = [argument for argument in arguments.args if argument.arg != "self"]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [*zip(positional, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    options = {a.arg: _option(a.arg, a.annotation, default, module) for a, default in pairs}
    checks = tuple(_checks(node, module, options))
    return Signature(path, options, checks, docstring, is_open=arguments.kwarg is not None)


def _option(name: str, annotation: ast.expr | None, default: ast.expr | None, module: Module) -> Option:
    kind = kind_of(annotation, module)
    if isinstance(default, ast.Constant) and default.value is None and NOTHING not in kind.alternatives:
        kind = Either((*kind.alternatives, NOTHING))
    return Option(name, kind, default, module)


def _fields(definition: Definition) -> Iterator[Option]:
    """The fields that a dataclass's constructor takes."""
    assert isinstance(definition.node, ast.ClassDef)
    for node in definition.node.body if is_dataclass(definition.node) else []:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                if "ClassVar" not in ast.unparse(annotation) and "init=False" not in ast.unparse(
                    value or ast.Tuple([])
                ):
                    yield _option(name, annotation, value, definition.module)


def _checks(node: ast.FunctionDef | None, module: Module, options: Mapping[str, Option]) -> Iterator[Check]:
    """Calls of `dprdm.check` on options as they came in, up to where the body may return."""
    source = module.bindings.get("check")
    if node is None or "check" in options or not isinstance(source, ast.ImportFrom) or source.module != "dprdm":
        return
    unchanged = set(options)
    pending = list(reversed(node.body))
    while pending:
        statement = pending.pop()
        inside = list(ast.walk(statement))
        if any(isinstance(part, ast.Return) for part in inside):
            return
        match statement:
            case ast.If(test=ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]), orelse=[]):
                pending += reversed(statement.body)  # no check looks at an option that is None
                continue
            case ast.Expr(value=value) | ast.Assign(value=value):
                for part in getattr(value, "elts", [value]):
                    yield from (call for call in _calls(part) if call.option in unchanged)
        unchanged -= {part.id for part in inside if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _calls(node: ast.expr) -> list[Check]:
    """`check.f(limits, name=option)`, and one in the place of its option; none where limits are not written as numbers."""
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
            case ast.Name(id=option) | ast.Attribute(value=ast.Name(id="self"), attr=option):
                numbers = [(name, limits, word) for name, limits, word in calls if all(map(_is_number, limits))]
                return [
                    Check(name, tuple(ast.literal_eval(limit) for limit in limits), word, option)
                    for name, limits, word in reversed(numbers)
                ]
            case _:
                return []


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)
