"""Where samples lie in a tar: whole files by offset and size, grouped as web data sets group them."""

import gzip
import io

import pytest

from dprdm.data.readers.tar_index import index_tar
from dprdm.errors import UserError
from tests.data.readers.archives import encoded, write_tar


def index(path):
    with path.open("rb") as stream:
        return index_tar(stream, path.name)


def piece(path, place):
    offset, size = place.tolist()
    return path.read_bytes()[offset : offset + size]


def test_files_of_one_name_are_one_sample_wherever_they_lie(tmp_path):
    members = [
        ("a/1.JPG", b"one"), ("a/1.txt", b"first"), ("a/1.json", b"{}"), ("b/1.png", b"other"), ("a/2.txt", b"no image"),
        ("a/3.seg.png", b"a mask"), ("a/.hidden.png", b""), ("a/4.webp", b"four"), ("a/1.cls", b"7"), ("b/1.text", b"late"),
    ]  # fmt: skip
    path = write_tar(tmp_path / "s.tar", members)
    records = index(path)
    assert [record["key"] for record in records] == [b"a/1", b"b/1", b"a/4"]
    assert [piece(path, record["image"]) for record in records] == [b"one", b"other", b"four"]
    assert piece(path, records[0]["text"]) == b"first" and piece(path, records[0]["json"]) == b"{}"
    assert piece(path, records[1]["text"]) == b"late"
    assert records["text"][2].tolist() == records["json"][1].tolist() == [0, -1]


def test_long_and_foreign_names_are_kept(tmp_path):
    name = "ordner/" + "ä" * 200
    (record,) = index(write_tar(tmp_path / "s.tar", [(f"{name}.png", b"x")]))
    assert record["key"].decode() == name


def test_a_tar_cut_short_gives_what_comes_before(tmp_path, caplog):
    path = write_tar(tmp_path / "s.tar", [(f"{n}.png", bytes(3000)) for n in range(5)])
    path.write_bytes(path.read_bytes()[:8000])
    records = index(path)
    assert [record["key"] for record in records] == [b"0", b"1", b"2"]  # the third is cut, and will not decode
    assert "s.tar ends early or is damaged" in caplog.text


def test_an_empty_tar_has_no_samples(tmp_path):
    assert len(index(write_tar(tmp_path / "s.tar", []))) == 0


@pytest.mark.parametrize("content", [gzip.compress(b"x" * 2000), b"no tar at all" * 100], ids=["gzip", "text"])
def test_what_is_no_plain_tar_is_refused(content):
    with pytest.raises(UserError, match=r"Expected an uncompressed tar in s\.tar"):
        index_tar(io.BytesIO(content), "s.tar")


def test_pictures_are_not_read(tmp_path):
    class Counting(io.BytesIO):
        read_bytes = 0

        def read(self, size=-1):
            content = super().read(size)
            Counting.read_bytes += len(content)
            return content

    path = write_tar(tmp_path / "s.tar", [(f"{n}.png", encoded(n) + bytes(1_000_000)) for n in range(5)])
    assert len(index_tar(Counting(path.read_bytes()), "s")) == 5
    assert Counting.read_bytes < 50_000
