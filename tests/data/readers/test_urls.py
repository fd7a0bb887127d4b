"""Patterns of files, here and behind a URL; a network that fails now and then."""

import fsspec
import pytest

from dprdm.data.readers import optional, urls
from dprdm.data.readers.urls import expand, is_local, open_stream, read_range, reading, short_names
from dprdm.errors import UserError


@pytest.fixture
def files(tmp_path):
    for name in ("s-000.tar", "s-001.tar", "deep/s-002.tar", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def remote():
    system = fsspec.filesystem("memory")
    for number in range(3):
        system.pipe_file(f"/bucket/{number:03d}.tar", f"remote {number}".encode())
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def names(found):
    return [url.rpartition("/")[2] for url in found]


def test_braces_count_without_looking():
    assert expand("gone/{008..011}.tar", ".tar") == [f"gone/{n:03d}.tar" for n in range(8, 12)]
    assert expand("{a,b}/{0..1}.tar", ".tar") == ["a/0.tar", "a/1.tar", "b/0.tar", "b/1.tar"]


def test_wildcards_folders_and_lists(files):
    assert names(expand(f"{files}/s-*.tar", ".tar")) == ["s-000.tar", "s-001.tar"]
    assert sorted(names(expand(str(files), ".tar"))) == ["s-000.tar", "s-001.tar", "s-002.tar"]
    one = f"{files}/s-001.tar"
    assert expand([one, f"{files}/s-00{{1..1}}.tar", "x.tar"], ".tar") == [one, "x.tar"]


def test_nothing_found_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"Expected \.tar files at .*, and found none"):
        expand(f"{tmp_path}/*.tar", ".tar")


def test_ranges_and_streams(files, remote):
    assert read_range(f"{files}/s-000.tar", 2, 5) == b"000" and read_range(f"{remote}/001.tar", 7, 99) == b"1"
    with open_stream(f"{remote}/002.tar") as stream:
        stream.seek(3)
        assert stream.read() == b"ote 2"
    assert names(expand(f"{remote}/*.tar", ".tar")) == ["000.tar", "001.tar", "002.tar"]
    assert is_local(f"{files}/s-000.tar") and is_local(f"file://{files}") and not is_local(remote)


def test_a_missing_file_is_named_at_once(files, remote):
    for url in (f"{files}/gone.tar", f"{remote}/gone.tar"):
        with pytest.raises(UserError, match=r"Expected a file at .*gone\.tar"):
            read_range(url, 0, 1)


def test_a_network_may_fail_twice_and_no_more(remote, monkeypatch):
    system, fails = type(fsspec.filesystem("memory")), []
    real = system.cat_file

    def flaky(self, path, **range_):
        if len(fails) < most:
            fails.append(path)
            raise TimeoutError("too slow")
        return real(self, path, **range_)

    monkeypatch.setattr(system, "cat_file", flaky)
    monkeypatch.setattr(urls, "PAUSE", 0.0)
    most = 2
    assert read_range(f"{remote}/001.tar", 0, 3) == b"rem" and len(fails) == 2
    most = 9
    with pytest.raises(
        UserError, match=r"Expected to read memory://bucket/001\.tar, and it failed: TimeoutError: too slow"
    ):
        read_range(f"{remote}/001.tar", 0, 3)
    assert len(fails) == 5


def test_a_server_that_sends_all_is_refused(remote, monkeypatch):
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", lambda self, path, **_: b"all of it")
    with pytest.raises(UserError, match=r"Expected the server of .*001\.tar to serve parts"):
        read_range(f"{remote}/001.tar", 2, 5)


def test_whatever_a_library_raises_while_reading_names_the_file():
    with (
        pytest.raises(UserError, match=r"Expected to read a\.tar, and it failed: ZeroDivisionError: once"),
        reading("a.tar"),
    ):
        raise ZeroDivisionError("once")


@pytest.mark.parametrize("url", ["nonsense://bucket/a.tar"])
def test_an_unknown_protocol_is_refused(url):
    with pytest.raises(UserError, match=r"Expected a path or a URL that fsspec can open, not nonsense"):
        read_range(url, 0, 1)


def test_a_missing_package_names_the_extra(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"Expected the package braceexpand to be installed.*dprdm\[data\]"):
        expand("{0..3}.tar", ".tar")


def test_short_names_tell_files_apart():
    assert short_names(["a/0.tar", "a/1.tar"]) == ["0.tar", "1.tar"]
    assert short_names(["a/0.tar", "b/0.tar"]) == ["a/0.tar", "b/0.tar"]
