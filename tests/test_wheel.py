"""What `python -m build` makes is used: in an environment that sees the dependencies and not the checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from email import message_from_string
from pathlib import Path

import pytest

import dprdm
from dprdm.files import alone

ROOT = Path(__file__).parents[1]
PARTS = ("dprdm", "plugins", "configs", "docs", "pyproject.toml", "MANIFEST.in", "LICENSE", "NOTICE", "README.md")
PLUGIN = "raise RuntimeError('a folder of the user was imported')\n"


def run(command: Sequence[str | Path], folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` as a user would who has never seen the checkout; require its exit code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that is built from it; made once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, checkout = shared / "distributions", shared / "checkout"
    with alone(shared / "distributions.lock"):
        if not folder.exists():
            checkout.mkdir()
            for part in PARTS:
                if (ROOT / part).is_dir():
                    shutil.copytree(ROOT / part, checkout / part, symlinks=True)
                else:
                    shutil.copy(ROOT / part, checkout)
            build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, checkout]
            run(build, shared)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of a new environment with the wheel in it. Its other packages are those that run this test."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    (site,) = environment.glob("lib/python*/site-packages")
    # Links to checkouts (.pth files) are not followed from a folder that is itself named in one.
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel]
    run([sys.executable, "-m", "pip", "--python", environment / "bin" / "python", *install], environment)
    return environment / "bin"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder of a user, empty but for folders that go by the names of ours."""
    for package in ("plugins", "plugins/mechanisms", "configs", "tests"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(PLUGIN)
    (tmp_path / "plugins/mechanisms/gaussian.py").write_text(PLUGIN)
    (tmp_path / "configs/demo.yaml").write_text("none: of ours\n")
    (tmp_path / "dprdm/demo/assets").mkdir(parents=True)
    (tmp_path / "dprdm/demo/assets/generator.safetensors").write_text("none of ours")
    return tmp_path


def files_of(folder: str, pattern: str) -> set[str]:
    return {f"dprdm/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob(pattern)}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names} == {"dprdm", f"dprdm-{dprdm.__version__}.dist-info"}
    assert {name for name in names if name.startswith("dprdm/plugins/")} == files_of("plugins", "*.py")
    assert {name for name in names if name.startswith("dprdm/configs/")} == files_of("configs", "*.yaml")
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dprdm").rglob("*.py")}
    assert modules <= names
    assert {
        "dprdm/py.typed",
        "dprdm/demo/assets/generator.safetensors",
        "dprdm/report/templates/report.html.j2",
    } <= names


def test_the_source_distribution_holds_files_and_no_links(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    names = {member.name.partition("/")[2] for member in members}
    assert files_of("plugins", "*.py") | files_of("configs", "*.yaml") <= names


def test_the_version_is_in_one_place(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = message_from_string(archive.read(f"dprdm-{dprdm.__version__}.dist-info/METADATA").decode())
    assert metadata["Version"] == dprdm.__version__ and metadata["Author"] == "The dprdm developers"
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]
    assert "version:" not in (ROOT / "CITATION.cff").read_text().replace("cff-version:", "")
    assert (ROOT / "CHANGELOG.md").read_text().split("## ")[1].startswith(dprdm.__version__)


def test_the_main_job_from_an_empty_folder(installed: Path, private_images: Path, empty: Path) -> None:
    """Index, release and render, verify, ledger: with the configs and the demo that are inside the wheel."""
    program = installed / "dprdm"
    assert run([program, "--version"], empty).stdout.split() == ["dprdm", dprdm.__version__]
    where = run([installed / "python", "-P", "-c", "import dprdm; print(dprdm.__file__)"], empty).stdout
    assert Path(where.strip()).is_relative_to(installed.parent)
    run([program, "index", "--images", private_images, "--encoder", "demo", "--out", "store"], empty)
    small = ["--prompt", "sandal", "--releases_per_prompt", "1", "--model.steps", "2", "--queries", "10"]
    store = ["--private_store", "store", "--mechanism.k", "5", "--name", "first"]
    printed = run([program, "predict", "--mechanism", "gaussian", "--eps", "10", *store, *small], empty).stdout
    assert "1 queries released now" in printed
    assert len(list((empty / "runs/first/images").rglob("*.png"))) == 1
    assert "recomputed" in run([program, "verify", "runs/first"], empty).stdout
    assert "sandal" not in run([program, "ledger", "show", "store"], empty).stdout


def test_the_same_program_as_a_module(installed: Path, empty: Path) -> None:
    plan = ("plan", "--records", "1000", "--queries", "10", "--eps", "10", "--k", "20")
    assert "noise_multiplier" in run([installed / "python", "-m", "dprdm", *plan], empty).stdout


def test_fit_says_in_one_sentence_what_to_download(installed: Path, empty: Path) -> None:
    refused = run([installed / "dprdm", "fit", "--config", "coco.yaml"], empty, code=2)
    (sentence,) = [line for line in refused.stderr.splitlines() if line.strip()]
    assert sentence.startswith("Error: Expected ") and "data/coco" in sentence
