"""Find where a name is defined by reading source files: no module is imported, so no network library is loaded."""

import ast
import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

# Large, and none of its classes is an option of anything here.
UNREAD = {"torch"}


@dataclass(frozen=True, eq=False)
class SourceModule:
    """A module as its file says it.

    Args:
        name: its full name.
        bindings: what each top-level name is bound to: a class, a function, a value, or (module, name) of an import.
        is_complete: whether these are all of its names; false with `import *` or a module's own `__getattr__`.
    """

    name: str
    bindings: dict[str, ast.AST | tuple[str, str]]
    is_complete: bool


@dataclass(frozen=True, eq=False)
class Definition:
    """A class, a function, or the expression that a name stands for; the module in which it is written; its full name."""

    module: SourceModule
    node: ast.AST
    path: str


@functools.cache
def read_module(name: str) -> SourceModule | None:
    """Return the module of this full name, or None if it has no source file here."""
    file = _locate(name)
    if file is None:
        return None
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    bindings: dict[str, ast.AST | tuple[str, str]] = {}
    pending = ast.parse(file.read_text(encoding="utf-8")).body[::-1]
    while pending:
        node = pending.pop()
        match node:
            case ast.If() | ast.Try():
                pending += [*node.orelse[::-1], *node.body[::-1]]
            case ast.ClassDef() | ast.FunctionDef():
                bindings[node.name] = node
            case ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)):
                bindings[target] = node.value or node
            case ast.Import(names=aliases):
                for alias in aliases:
                    bindings[alias.asname or alias.name] = (alias.name, "")
            case ast.ImportFrom(module=source, names=aliases, level=level):
                above = package[: len(package) + 1 - level] if level else []
                for alias in aliases:
                    bindings[alias.asname or alias.name] = (
                        ".".join([*above, *([source] if source else [])]),
                        alias.name,
                    )
    return SourceModule(name, bindings, not {"*", "__getattr__"} & bindings.keys())


def find_definition(module: SourceModule | None, name: str) -> Definition | None:
    """Return where `name` of a module is defined, through all imports in between; None if no source says it."""
    while module is not None:
        head, _, rest = name.partition(".")
        bound = module.bindings.get(head)
        if not isinstance(bound, tuple):
            return None if bound is None or rest else Definition(module, bound, f"{module.name}.{head}")
        source, attribute = bound
        module, name = read_module(source), f"{attribute}.{rest}".strip(".")
        if attribute and (module is None or attribute not in module.bindings):  # a module of the package
            module, name = read_module(f"{source}.{attribute}"), rest
    return None


def find_path(path: str) -> Definition | None:
    """Return where the class, function or method of this full path, such as `dprdm.cli.plan.plan`, is defined."""
    parent, _, name = path.rpartition(".")
    if not parent or (module := read_module(parent)) is not None:
        return find_definition(module, name) if parent else None
    owner = find_path(parent)
    method = None if owner is None else find_method(owner, name)
    return None if owner is None or method is None else Definition(owner.module, method, path)


def find_method(definition: Definition, name: str) -> ast.FunctionDef | None:
    """Return the method that a class itself defines by this name, or None."""
    for node in definition.node.body if isinstance(definition.node, ast.ClassDef) else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    return None


def is_surely_absent(path: str) -> bool:
    """Return whether importing this class path would fail: no such module, or no such name in it."""
    name, _, attribute = path.rpartition(".")
    module = read_module(name) if name else None
    if module is not None:
        return module.is_complete and attribute not in module.bindings
    parent, _, _ = name.rpartition(".")
    return read_module(parent) is not None if parent else importlib.util.find_spec(name) is None


def _locate(name: str) -> Path | None:
    """The source file of a module. Only its top-level package is looked up by Python, and that imports nothing."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top) if top and top not in UNREAD else None
    if spec is None:
        return None
    for folder in spec.submodule_search_locations or ():
        below = Path(folder, *rest)
        for file in (below / "__init__.py", below.with_suffix(".py")):
            if file.is_file():
                return file
    single = Path(spec.origin or "")
    return single if not rest and not spec.submodule_search_locations and single.suffix == ".py" else None
