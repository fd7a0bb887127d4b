"""docs/extending.md shows files that work: those of the package that tests/test_plugins_outside.py installs and uses."""

import re
from pathlib import Path

import pytest

from dprdm.registry import KINDS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()
PACKAGE = ROOT / "tests" / "plugins_outside"
BLOCKS = re.findall(r"```python\n# (\S+)\n(.*?)```\n", PAGE, re.DOTALL)


@pytest.mark.parametrize(("path", "code"), BLOCKS, ids=[Path(path).stem for path, _ in BLOCKS])
def test_a_file_stands_there_as_it_is_used(path, code):
    assert code == (ROOT / path).read_text()


def test_every_file_of_the_package_is_shown():
    shown = {Path(path).name for path, _ in BLOCKS}
    assert shown == {path.name for path in (PACKAGE / "outside").glob("*.py")} - {"__init__.py"}
    assert (PACKAGE / "pyproject.toml").read_text() in PAGE


def test_every_kind_has_its_group_in_the_table_and_its_section():
    for kind in KINDS.values():
        assert f"`{kind.group}`" in PAGE
        assert re.search(rf"^## An? {kind.label}$", PAGE, re.MULTILINE), kind.label
