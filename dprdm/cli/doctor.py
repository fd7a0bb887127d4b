"""`doctor`: what is here, what is missing, and what is broken."""

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
from dprdm.resources import find_packaged

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
class Finding:
    """One line: what was looked at, what was found, and whether the program cannot work with it."""

    subject: str
    found: str
    is_broken: bool = False


def doctor() -> int:
    """Say which versions, devices and optional parts are here. Exit code 1 if something that is needed is broken."""
    broken = False
    for finding in _findings():
        print(f"{'BROKEN' if finding.is_broken else 'ok':<7}{finding.subject:<16}{finding.found}", flush=True)
        broken = broken or finding.is_broken
    print("\nSomething that is needed is broken; see above." if broken else "\nAll that is needed is here.")
    return int(broken)


def _findings() -> Iterator[Finding]:
    yield Finding("python", f"{sys.version.split()[0]} at {sys.executable}", sys.version_info < (3, 11))
    yield Finding("dprdm", f"{dprdm.__version__} at {Path(dprdm.__file__).parent}")
    for package in NEEDED:
        yield _package(package)
    yield _working("torchvision ops", _load_torchvision)
    yield _working("devices", _devices)
    yield _working("plugins", _plugins)
    yield _working("ledger", lambda: f"SQLite {sqlite3.sqlite_version}, {_locks()}")
    yield _working("demo", _demo)
    yield faiss_flavour()
    for package, purpose in OPTIONAL.items():
        found = _version(package)
        yield Finding(package, found or f"not installed ({purpose})")
    yield Finding("wandb", f"{_version('wandb')}, {_wandb_mode()}", _version("wandb") is None)
    free = shutil.disk_usage(Path.cwd()).free
    yield Finding("free disk", f"{free / 1e9:.1f} GB in {Path.cwd()}", free < LEAST_FREE)


def faiss_flavour() -> Finding:
    """Which FAISS is installed. Both at once is broken: they own one module, and the one installed last wins."""
    flavours = {name: found for name in ("faiss-cpu", "faiss-gpu") if (found := _version(name))}
    if len(flavours) == 2:
        both = "faiss-cpu and faiss-gpu are both installed, and share one module"
        return Finding("faiss", f"{both}. Uninstall both, then install one: the extra `cpu` or `gpu`", is_broken=True)
    if not flavours:
        return Finding("faiss", "not installed (retrievers faiss_*: the extra `cpu` or `gpu`); `exact` needs none")
    ((name, found),) = flavours.items()
    return _working("faiss", lambda: f"{name} {found}{_faiss_devices(name)}")


def _faiss_devices(name: str) -> str:
    faiss = importlib.import_module("faiss")
    return f", {faiss.get_num_gpus()} GPUs" if name == "faiss-gpu" else ""


def _package(name: str) -> Finding:
    found = _version(name)
    return Finding(name, found or "not installed: pip install -e .", is_broken=found is None)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _working(subject: str, look: Callable[[], str]) -> Finding:
    """What `look` says; broken if it fails, whatever the failure."""
    try:
        return Finding(subject, look())
    except Exception as error:
        return Finding(subject, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", True)


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


def _demo() -> str:
    sizes = [path.stat().st_size for path in find_packaged(Path("dprdm/demo/assets")).iterdir()]
    return f"{sum(sizes) / 1e6:.1f} MB of images and weights"


def _locks() -> str:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("BEGIN EXCLUSIVE")
    return "locks"


def _wandb_mode() -> str:
    has_key = "WANDB_API_KEY" in os.environ
    return "online: WANDB_API_KEY is set" if has_key else "offline: no WANDB_API_KEY; `wandb sync` sends runs later"
