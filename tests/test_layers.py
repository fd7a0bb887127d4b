"""A module may import only from its own row and the rows above: the table is the house."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    ("types", "check", "errors", "files", "assets", "schedules", "faiss_library", "processes", "seeds", "kept"),
    ("privacy.budget", "privacy.events", "privacy.accountant", "privacy.calibration", "privacy.noise", "privacy.geometric",
     "privacy.chain", "public", "encoders", "diffusion"),
    ("privacy.spending", "retrieval.store", "retrieval.sampling", "retrieval.grid", "retrieval.retriever",
     "privacy.mechanism", "privacy.ledger"),
    ("codebook", "privacy.plan", "privacy.rehearsal", "privacy.statement", "privacy.certificate",
     "privacy.training", "privacy.trained", "retrieval.stored",
     "retrieval.duplicates", "retrieval.release", "retrieval.sampled_mean"),
    ("conditioning", "data", "metrics", "audit", "runs", "results", "rendered"),
    ("generator", "pipelines", "model", "callbacks", "resuming", "rendering", "report"),
    ("rivals",),
    ("cli",),
)  # fmt: skip
MODULES = sorted((ROOT / "dprdm").rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "dprdm").with_suffix("").parts).removesuffix("__init__").rstrip(".")


def layer_of(name: str) -> int:
    for number, row in enumerate(LAYERS):
        if any(name == entry or name.startswith(entry + ".") for entry in row):
            return number
    raise AssertionError(f"dprdm.{name} is in no layer: add it to the table")


def imports(path: Path) -> set[str]:
    """Modules of dprdm that a file imports, anywhere in it, and the top-level names of all others."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def internal(path: Path) -> set[str]:
    known = {module_name(module) for module in MODULES} - {""}
    names = {name.removeprefix("dprdm.") for name in imports(path) if name.startswith("dprdm.")}
    return {next((n for n in (name, name.rpartition(".")[0]) if n in known), "") for name in names} - {""}


@pytest.mark.parametrize("path", [path for path in MODULES if internal(path)], ids=module_name)
def test_imports_only_from_rows_above(path: Path) -> None:
    mine = layer_of(module_name(path))
    below = {imported for imported in internal(path) if layer_of(imported) > mine}
    assert not below, f"{module_name(path)} stands in row {mine} and imports {below}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_plugins_are_loaded_by_name_only(path: Path) -> None:
    assert not any(name.split(".")[0] == "plugins" for name in imports(path))


@pytest.mark.parametrize("package", ["privacy", "retrieval", "codebook", "public"])
def test_the_private_path_imports_no_torch(package: str) -> None:
    for path in [*(ROOT / "dprdm" / package).glob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        assert not {name.split(".")[0] for name in imports(path)} & {"torch", "lightning", "opacus"}, path


def test_diffusion_knows_nothing_of_privacy() -> None:
    for path in (ROOT / "dprdm" / "diffusion").glob("*.py"):
        assert not {name.split(".")[0] for name in internal(path)} & {"privacy", "retrieval"}, path


def test_hazard_01_only_noise_names_a_source_of_randomness() -> None:
    for path in [
        *(ROOT / "dprdm/privacy").glob("*.py"),
        *(ROOT / "dprdm/retrieval").glob("*.py"),
        *(ROOT / "dprdm/codebook").glob("*.py"),
        *(ROOT / "dprdm/public").glob("*.py"),
        *(ROOT / "plugins").rglob("*.py"),
    ]:
        if path.name != "noise.py":
            assert not {name.split(".")[0] for name in imports(path)} & {"random", "secrets"}, path
            names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            assert not names & {"random", "urandom", "default_rng", "randn", "normal"}, path
