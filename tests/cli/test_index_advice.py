"""What `index` tells the owner of private data, and `index --check`."""

import json
from pathlib import Path

import pytest

from dprdm.cli import main
from tests.cli.front_door import refusal


@pytest.fixture
def images(private_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty images, one of them under two names."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    folder.mkdir()
    files = sorted(private_images.iterdir())[::12]
    for path in files:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "twin.png").write_bytes(files[3].read_bytes())
    return folder


def _store_text() -> str:
    return "".join(path.read_text("utf-8") for path in Path("store").glob("*.json"))


def test_near_duplicates_are_named_to_the_owner_and_kept_nowhere(images, capsys):
    assert main(["index", "--images", str(images), "--encoder", "demo", "--out", "store"]) == 0
    printed = capsys.readouterr().out
    assert "look almost the same as another one" in printed
    assert "--group_column" in printed
    assert " and twin.png" in printed
    assert "twin" not in _store_text()
    assert "dup" not in _store_text()


def test_public_images_may_repeat(images, capsys):
    assert main(["index", "--images", str(images), "--encoder", "demo", "--out", "store", "--kind", "public"]) == 0
    assert "almost the same" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["private", "public"])
def test_check_reads_every_vector(images, capsys, kind):
    assert main(["index", "--images", str(images), "--encoder", "demo", "--out", "store", "--kind", kind]) == 0
    assert main(["index", "--check", "store"]) == 0
    assert "21 rows in 1 shards of store: every checksum holds." in capsys.readouterr().out
    file = Path("store/00000.vectors.npy")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "its checksum differs" in refusal(capsys, ["index", "--check", "store"])


def test_check_needs_a_store(tmp_path, capsys):
    assert "Expected a finished store" in refusal(capsys, ["index", "--check", str(tmp_path)])
    (tmp_path / "manifest.json").write_text(json.dumps({"kind": "private"}))
    assert "damaged" in refusal(capsys, ["index", "--check", str(tmp_path)])


def test_something_must_be_asked(capsys):
    assert "--check" in refusal(capsys, ["index", "--out", "store"])
