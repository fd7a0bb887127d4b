"""A package imports only from the floors below its own: the table is the house."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = (
    ("errors", "types"),
    ("check", "files", "registry", "resources"),
    ("privacy", "public", "training", "diffusion"),
    ("retrieval", "encoders"),
    ("data", "guarantee"),
    ("runs",),
    ("codebook", "generation", "audit", "convert"),
    ("plugins", "metrics", "figures", "report", "rivals"),
    ("demo",),
    ("workflows",),
    ("cli",),
)
DOOR = "dprdm"  # dprdm/__init__.py and dprdm/__main__.py, above all floors
MODULES = sorted((ROOT / "dprdm").rglob("*.py")) + sorted((ROOT / "plugins").rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[1:] if parts[0] == "dprdm" else parts).removesuffix("__init__").rstrip(".")


def package_of(name: str) -> str:
    return name.split(".", maxsplit=1)[0] if name not in {"", "__main__"} else DOOR


def floor_of(package: str) -> int:
    for number, row in enumerate((*FLOORS, (DOOR,))):
        if package in row:
            return number
    raise AssertionError(f"dprdm.{package} is on no floor: add it to the table")


def imports(path: Path) -> set[str]:
    """Modules of dprdm that a file imports, anywhere in it, and the top-level names of all others."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def imported_packages(path: Path) -> set[str]:
    """Packages of dprdm that a file imports, other than its own."""
    names = {name.removeprefix("dprdm.") for name in imports(path) if name.startswith("dprdm.")}
    exported = {"__version__"}  # what the door itself holds
    return {package_of(name) for name in names - exported} - {package_of(module_name(path))}


@pytest.mark.parametrize("path", [path for path in MODULES if imported_packages(path)], ids=module_name)
def test_a_package_imports_only_from_floors_below(path: Path) -> None:
    package = package_of(module_name(path))
    wrong = {other for other in imported_packages(path) if floor_of(other) >= floor_of(package)}
    assert not wrong, f"{module_name(path)} stands on floor {floor_of(package)} and imports {wrong}"


def test_the_table_lists_nothing_that_does_not_exist() -> None:
    packages = {package_of(module_name(path)) for path in MODULES} - {DOOR}
    assert packages == {package for row in FLOORS for package in row}


def test_at_most_six_modules_are_loose() -> None:
    loose = [path for path in (ROOT / "dprdm").glob("*.py") if not path.name.startswith("__")]
    assert len(loose) <= 6, loose


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_plugins_are_loaded_by_name_only(path: Path) -> None:
    if path.is_relative_to(ROOT / "dprdm") and path.name != "__init__.py":  # the Python door names the built-in ones
        assert not any(name.startswith(("plugins.", "dprdm.plugins.")) for name in imports(path))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_the_demo_is_a_guest(path: Path) -> None:
    """Nothing imports it and nothing defaults to it: it comes by name, through its entry points and configs."""
    if not path.is_relative_to(ROOT / "dprdm" / "demo"):
        assert "demo" not in imported_packages(path)
        defaults = [
            default.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef)
            for default in [*node.args.defaults, *node.args.kw_defaults]
            if isinstance(default, ast.Constant) and isinstance(default.value, str)
        ]
        assert not [value for value in defaults if "demo" in value]


@pytest.mark.parametrize("package", ["privacy", "retrieval", "guarantee", "codebook", "public"])
def test_the_private_path_imports_no_torch(package: str) -> None:
    for path in [*(ROOT / "dprdm" / package).glob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        assert not {name.split(".")[0] for name in imports(path)} & {"torch", "lightning", "opacus"}, path


def test_diffusion_knows_nothing_of_privacy() -> None:
    for path in (ROOT / "dprdm" / "diffusion").glob("*.py"):
        assert not imported_packages(path) & {"privacy", "retrieval", "guarantee"}, path


def test_hazard_01_only_noise_names_a_source_of_randomness() -> None:
    for path in [
        *(ROOT / "dprdm/privacy").glob("*.py"),
        *(ROOT / "dprdm/retrieval").glob("*.py"),
        *(ROOT / "dprdm/guarantee").glob("*.py"),
        *(ROOT / "dprdm/codebook").glob("*.py"),
        *(ROOT / "dprdm/public").glob("*.py"),
        *(ROOT / "plugins").rglob("*.py"),
    ]:
        if path.name != "noise.py":
            assert not {name.split(".")[0] for name in imports(path)} & {"random", "secrets"}, path
            names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            assert not names & {"random", "urandom", "default_rng", "randn", "normal"}, path
