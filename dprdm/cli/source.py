"""Find where a name is defined by reading source files: no module is imported, so no network library is loaded."""

import ast
import functools
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Large, and none of its classes is an option of anything here.
UNREAD = {"torch"}


@dataclass(frozen=True, eq=False)
class Module:
    """A module as its file says it.

    Args:
        name: its full name.
        is_package: whether the file is an `__init__.py`.
        bindings: what each top-level name is bound to: a class, a function, a value, or the import that brings it.
        is_complete: whether these are all of its names; false with `import *` or a module's own `__getattr__`.
    """

    name: str
    is_package: bool
    bindings: dict[str, ast.AST]
    is_complete: bool


@dataclass(frozen=True, eq=False)
class Definition:
    """A class, a function, or the expression that a name stands for, and the module in which it is written."""

    module: Module
    node: ast.AST

    @property
    def path(self) -> str:
        """Full name of a class or function."""
        return f"{self.module.name}.{getattr(self.node, 'name', '')}"


@functools.cache
def read_module(name: str) -> Module | None:
    """Return the module of this full name, or None if it has no source file here."""
    file = _locate(name)
    if file is None:
        return None
    bindings: dict[str, ast.AST] = {}
    for node in _statements(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                bindings[node.name] = node
            case ast.ImportFrom() | ast.Import():
                bindings.update({alias.asname or alias.name: node for alias in node.names})
            case ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)):
                bindings[target] = node.value or node
    return Module(name, file.name == "__init__.py", bindings, not {"*", "__getattr__"} & bindings.keys())


def find_definition(module: Module | None, name: str) -> Definition | None:
    """Return where `name` of a module is defined, through all imports in between; None if no source says it."""
    while module is not None:
        head, _, rest = name.partition(".")
        node = module.bindings.get(head)
        if isinstance(node, ast.Import):  # of `import a.b as c`, and then `c.name`
            alias = next(alias for alias in node.names if (alias.asname or alias.name) == head)
            module, name = read_module(alias.name), rest
        elif isinstance(node, ast.ImportFrom):
            alias = next(alias for alias in node.names if (alias.asname or alias.name) == head)
            source = _absolute(module, node)
            module, name = read_module(source), alias.name + (f".{rest}" if rest else "")
            if module is None or alias.name not in module.bindings:  # a module of the package
                module, name = read_module(f"{source}.{alias.name}"), rest
        else:
            return None if node is None or rest else Definition(module, node)
    return None


def find_path(path: str) -> Definition | None:
    """Return where the class, function or method of this full path, such as `dprdm.cli.plan.plan`, is defined."""
    parent, _, name = path.rpartition(".")
    if not parent:
        return None
    if (module := read_module(parent)) is not None:
        return find_definition(module, name)
    owner = find_path(parent)
    method = None if owner is None else find_method(owner, name)
    return None if owner is None or method is None else Definition(owner.module, method)


def find_method(definition: Definition, name: str) -> ast.FunctionDef | None:
    """Return the method that a class itself defines by this name, or None."""
    body = definition.node.body if isinstance(definition.node, ast.ClassDef) else []
    return next((node for node in body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def is_surely_absent(path: str) -> bool:
    """Return whether importing this class path would fail: no such module, or no such name in it."""
    name, _, attribute = path.rpartition(".")
    module = read_module(name) if name else None
    if module is not None:
        return module.is_complete and attribute not in module.bindings
    parent, _, _ = name.rpartition(".")
    return importlib.util.find_spec(name.partition(".")[0]) is None if not parent else read_module(parent) is not None


def _locate(name: str) -> Path | None:
    """The source file of a module. Only its top-level package is looked up by Python, and that imports nothing."""
    top, *rest = name.split(".")
    spec = None if top in UNREAD else importlib.util.find_spec(top)
    if spec is None:
        return None
    folders = [Path(folder).joinpath(*rest) for folder in spec.submodule_search_locations or ()]
    files = [file for folder in folders for file in (folder / "__init__.py", folder.with_suffix(".py"))]
    if not folders and not rest and spec.origin is not None:
        files = [Path(spec.origin)]
    return next((file for file in files if file.suffix == ".py" and file.is_file()), None)


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Top-level statements, those under `if` and `try` among them."""
    pending: list[ast.stmt] = list(reversed(tree.body))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If | ast.Try):
            pending += reversed([*node.body, *node.orelse])
        else:
            yield node


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """The full name of the module that a `from` names."""
    if not node.level:
        return node.module or ""
    package = module.name.split(".")[
        : None if module.is_package and node.level == 1 else -node.level + module.is_package
    ]
    return ".".join([*package, *([node.module] if node.module else [])])
