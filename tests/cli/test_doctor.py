"""`doctor` names what is here, and tells what is missing from what is broken."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import pytest

from dprdm.cli import main
from dprdm.workflows import environment


def installed(**packages: str | None) -> Callable[[str], str]:
    def look(name: str) -> str:
        found = packages.get(name.replace("-", "_"), version(name) if name.replace("-", "_") not in packages else None)
        if found is None:
            raise PackageNotFoundError(name)
        return found

    return look


def test_all_is_well_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for word in (
        "torch",
        "CPU cores",
        "mechanisms centered, codebook, gaussian",
        "faiss-",
        "GB in",
        "wandb",
        "All that is needed is here",
    ):
        assert word in out, word
    assert "BROKEN" not in out


def test_two_flavours_of_faiss_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "version", installed(faiss_cpu="1.15.1", faiss_gpu="1.15.1"))
    faiss = environment.faiss_flavour()
    assert faiss.is_broken
    assert "Uninstall both" in faiss.state


def test_no_faiss_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "version", installed(faiss_cpu=None, faiss_gpu=None))
    faiss = environment.faiss_flavour()
    assert not faiss.is_broken
    assert "not installed" in faiss.state


def test_a_missing_package_and_a_failing_import_end_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> str:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setattr(environment, "version", installed(diffusers=None))
    monkeypatch.setattr(environment, "_load_torchvision", fails)
    assert main(["doctor"]) == 1
    broken = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BROKEN")]
    assert len(broken) == 2
    assert "pip install" in broken[0]
    assert broken[1].endswith("RuntimeError: operator torchvision::nms does not exist")


@pytest.mark.parametrize(("key", "mode"), [("x", "online"), (None, "offline")])
def test_says_whether_wandb_would_send(
    key: str | None, mode: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if key is None:
        monkeypatch.delenv("WANDB_API_KEY", raising=False)
    else:
        monkeypatch.setenv("WANDB_API_KEY", key)
    main(["doctor"])
    assert f", {mode}: " in capsys.readouterr().out
