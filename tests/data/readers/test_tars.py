"""Web data sets through the front door: indexed, read at any position, local or remote."""

import json
import os
import pickle

import fsspec
import numpy as np
import pytest

from dprdm.data.readers import tars
from dprdm.data.readers.source import UnreadableImage
from dprdm.data.readers.tars import Tars
from dprdm.errors import UserError
from tests.data.readers.archives import encoded, level, write_tar


@pytest.fixture(autouse=True)
def shards(tmp_path, monkeypatch):
    """Three tars of four samples; sample n is grey 20 n."""
    monkeypatch.chdir(tmp_path)
    for shard in range(3):
        members = []
        for n in range(shard * 4, shard * 4 + 4):
            members += [
                (f"{n:05d}.jpg", encoded(20 * n, "jpg")),
                (f"{n:05d}.json", json.dumps({"caption": f"json {n}", "who": f"p{n % 2}"}).encode()),
            ]
            members += [(f"{n:05d}.txt", f" text {n}\n".encode())] if n % 2 else []
        write_tar(tmp_path / "shards" / f"{shard:03d}.tar", members)
    return tmp_path / "shards"


def test_samples_at_any_position(shards):
    source = Tars("shards/{000..002}.tar")
    assert len(source) == 12
    for n in np.random.default_rng(0).permutation(12).tolist():
        assert abs(level(source.image(n)) - 20 * n) <= 2
        assert source.caption(n) == (f"text {n}" if n % 2 else f"json {n}")
        assert source.key(n) == f"{n // 4:03d}.tar/{n:05d}"
        assert source.group(n) is None


def test_persons_by_a_key_of_the_json():
    source = Tars("shards", group_key="who")
    assert source.group_column == "who" and [source.group(n) for n in (0, 1, 11)] == ["p0", "p1", "p1"]
    with pytest.raises(UserError, match=r"Expected a name for 000\.tar/00003 in its \.json, and there is none"):
        Tars("shards", group_key="name").group(3)


def test_a_tar_is_scanned_once_and_again_when_it_has_changed(shards, monkeypatch):
    real, scanned = tars.index_tar, []
    monkeypatch.setattr(tars, "index_tar", lambda stream, name: (scanned.append(name), real(stream, name))[1])
    Tars("shards")
    Tars("shards")
    assert len(scanned) == 3
    write_tar(shards / "001.tar", [("x.png", encoded(9))])
    os.utime(shards / "001.tar", ns=(1, 1))
    assert len(Tars("shards")) == 9 and len(scanned) == 4 and scanned[3].endswith("001.tar")


def test_behind_a_url(shards):
    system = fsspec.filesystem("memory")
    for path in shards.iterdir():
        system.pipe_file(f"/web/{path.name}", path.read_bytes())
    source = Tars("memory://web/{000..002}.tar")
    assert len(source) == 12 and source.caption(7) == "text 7" and abs(level(source.image(7)) - 140) <= 2
    system.rm("/web", recursive=True)


def test_broken_samples_are_unreadable_and_broken_captions_empty(shards):
    write_tar(
        shards / "000.tar",
        [("a.jpg", encoded(1, "jpg")[:40]), ("a.json", b"{"), ("b.png", encoded(5)), ("b.json", b"[1]")],
    )
    source = Tars("shards/000.tar")
    with pytest.raises(UnreadableImage, match=r"000\.tar/a"):
        source.image(0)
    assert source.caption(0) == source.caption(1) == "" and level(source.image(1)) == 5


def test_a_truncated_tar_loses_its_last_sample_alone(shards):
    content = write_tar(shards / "000.tar", [(f"{n}.png", encoded(n)) for n in range(4)]).read_bytes()
    (shards / "000.tar").write_bytes(content[: 3 * 1024 + 512 + 40])
    source = Tars("shards/000.tar")
    assert [level(source.image(n)) for n in range(3)] == [0, 1, 2]
    with pytest.raises(UnreadableImage):
        source.image(3)


def test_workers_get_it_without_the_index_in_memory():
    source = Tars("shards")
    source.image(11)
    copy = pickle.loads(pickle.dumps(source))
    assert source._maps and not copy._maps and copy.key(11) == source.key(11)


def test_tars_without_images_are_refused(shards):
    with pytest.raises(UserError, match="Expected samples with images in"):
        Tars(str(write_tar(shards / "t.tar", [("a.txt", b"a")])))
