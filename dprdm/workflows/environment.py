"""What is installed here, what is missing, and what is broken."""

import importlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import dprdm
from dprdm.errors import UserError
from dprdm.resources import PACKAGE

NEEDED = (
    "torch",
    "torchvision",
    "lightning",
    "jsonargparse",
    "diffusers",
    "open_clip_torch",
    "dp-accounting",
    "opacus",
)
OPTIONAL = {
    "tensorboard": "TensorBoard: the extra `tensorboard`",
    "matplotlib": "figures of `plan --plot`",
}
LEAST_FREE = 0.2e9  # bytes; the demo leaves 0.1e9. A checkpoint of the paper's network needs 6e9


@dataclass(frozen=True)
class Diagnosis:
    """One part of the installation: what it is, in what state, and whether the program cannot work with that."""

    subject: str
    state: str
    is_broken: bool = False


def examine() -> Iterator[Diagnosis]:
    """Look at every part of the installation, one after the other; importing the large ones takes seconds each."""
    yield Diagnosis("python", f"{sys.version.split()[0]} at {sys.executable}", sys.version_info < (3, 11))
    yield Diagnosis("dprdm", f"{dprdm.__version__} at {PACKAGE}")
    for package in NEEDED:
        yield _package(package)
    yield _working("torchvision ops", _load_torchvision)
    yield _working("devices", _devices)
    yield _working("plugins", _plugins)
    yield _working("ledger", lambda: f"SQLite {sqlite3.sqlite_version}, {_locks()}")
    yield _working("demo", _demo)
    yield faiss_flavour()
    for package, purpose in OPTIONAL.items():
        yield Diagnosis(package, _version(package) or f"not installed ({purpose})")
    yield Diagnosis("wandb", f"{_version('wandb')}, {_wandb_mode()}", _version("wandb") is None)
    free = shutil.disk_usage(Path.cwd()).free
    yield Diagnosis("free disk", f"{free / 1e9:.1f} GB in {Path.cwd()}", free < LEAST_FREE)


def faiss_flavour() -> Diagnosis:
    """Tell which FAISS is installed. Both at once is broken: they own one module, and the one installed last wins."""
    flavours = {name: number for name in ("faiss-cpu", "faiss-gpu") if (number := _version(name))}
    if len(flavours) == 2:
        both = "faiss-cpu and faiss-gpu are both installed, and share one module"
        return Diagnosis("faiss", f"{both}. Uninstall both, then install one: the extra `cpu` or `gpu`", is_broken=True)
    if not flavours:
        return Diagnosis("faiss", "not installed (retrievers faiss_*: the extra `cpu` or `gpu`); `exact` needs none")
    ((name, number),) = flavours.items()
    return _working("faiss", lambda: f"{name} {number}{_faiss_devices(name)}")


def _faiss_devices(name: str) -> str:
    faiss = importlib.import_module("faiss")
    return f", {faiss.get_num_gpus()} GPUs" if name == "faiss-gpu" else ""


def _package(name: str) -> Diagnosis:
    number = _version(name)
    return Diagnosis(name, number or f"not installed: pip install {name}", is_broken=number is None)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _working(subject: str, describe: Callable[[], str]) -> Diagnosis:
    """Return what `describe` says; a broken part if it fails, whatever the failure."""
    try:
        return Diagnosis(subject, describe())
    except Exception as error:
        return Diagnosis(subject, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", True)


def _load_torchvision() -> str:
    importlib.import_module("torchvision")
    return "load"


def _devices() -> str:
    import torch

    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    cpu = f"{os.cpu_count()} CPU cores, {torch.get_num_threads()} threads"
    return f"{cpu}; {', '.join(names)}" if names else f"{cpu}; no GPU"


def _plugins() -> str:
    from dprdm import registry

    broken = [sentence for kind in registry.KINDS for sentence in registry.broken(kind).values()]
    if broken:
        raise UserError(" ".join(broken))
    return "; ".join(f"{kind.label}s {', '.join(registry.names(key))}" for key, kind in registry.KINDS.items())


def _locks() -> str:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("BEGIN EXCLUSIVE")
    return "locks"


def _demo() -> str:
    """Weigh the demo's files without importing the demo: it is a guest that the library runs without."""
    files = [path for path in (PACKAGE / "demo" / "assets").iterdir() if path.is_file()]
    return f"{sum(path.stat().st_size for path in files) / 1e6:.1f} MB of images and weights"


def _wandb_mode() -> str:
    has_key = "WANDB_API_KEY" in os.environ
    return "online: WANDB_API_KEY is set" if has_key else "offline: no WANDB_API_KEY; `wandb sync` sends runs later"
