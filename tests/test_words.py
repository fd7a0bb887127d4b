"""The words of the code are the field's: no name that says nothing, no class name twice, docstrings that begin with a verb."""

import ast
import collections
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "dprdm").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")])
# Names that a reader has to decode.
BANNED = {
    "asked", "found", "given", "made", "kept", "known", "own", "mine", "one", "way", "place", "beside", "stated", "told",
    "opened",
}  # fmt: skip
# First words of a docstring that say what comes back, not what is done.
NO_VERBS = {
    "the", "a", "an", "what", "whether", "how", "which", "all", "as", "its", "of", "one", "each", "so", "that", "this",
    "those", "where", "who", "whom", "whose", "at", "for", "in", "from", "by", "every", "any", "under", "over", "two", "see",
    "raises", "returns", "it", "not", "nothing", "none", "if", "true", "unit", "rows", "images", "positions", "vectors",
    "names", "epsilon", "least", "largest",
}  # fmt: skip


def trees() -> Iterator[tuple[Path, ast.Module]]:
    return ((path.relative_to(ROOT), ast.parse(path.read_text())) for path in FILES)


def bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that a file binds, with their lines: variables, arguments, functions, classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in function.decorator_list)


def public_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def first_word(docstring: str) -> str:
    return docstring.split(maxsplit=1)[0].strip(".,:;`(").lower()


def test_no_name_says_nothing() -> None:
    wrong = [
        f"{path}:{line} {name}"
        for path, tree in trees()
        for name, line in bound_names(tree)
        if name.strip("_") in BANNED
    ]
    assert not wrong, "\n".join(wrong)


def test_no_class_name_exists_twice() -> None:
    places = collections.defaultdict(list)
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path))
    twice = {name: files for name, files in places.items() if len(files) > 1}
    assert not twice, twice


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    wrong = [
        f"{path}:{function.lineno} {function.name}: {docstring.splitlines()[0]}"
        for path, tree in trees()
        for function in public_functions(tree)
        if (docstring := ast.get_docstring(function)) and not is_property(function)
        if first_word(docstring) in NO_VERBS or not docstring[0].isalpha()
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["asked", "beside"])
def test_the_check_can_fail(name: str) -> None:
    tree = ast.parse(f"def f({name}):\n    {name}_ = 1")
    assert {bound.strip("_") for bound, _ in bound_names(tree)} >= {name}
    assert first_word("The rows.") in NO_VERBS


def test_the_glossary_defines_each_noun_once() -> None:
    rows = [line.split("|")[1].strip() for line in (ROOT / "docs/glossary.md").read_text().splitlines() if "|" in line]
    nouns = [row for row in rows if row and row != "noun" and not row.startswith("-")]
    assert len(nouns) == len(set(nouns)) >= 55
