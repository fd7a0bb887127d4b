"""A file is there whole, or not at all."""

import pytest

from dprdm.errors import LedgerError, UserError
from dprdm.files import read_json, write_text, write_whole


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_writes_into_folders_that_are_not_there_yet(tmp_path):
    write_text(tmp_path / "a" / "b" / "c.txt", "é\n")
    assert (tmp_path / "a" / "b" / "c.txt").read_text(encoding="utf-8") == "é\n"
    assert names(tmp_path / "a" / "b") == ["c.txt"]


@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there_before(tmp_path, before, error):
    path = tmp_path / "file.txt"
    if before:
        path.write_text(before)

    def fail(beside):
        beside.write_text("half of it")
        raise error

    with pytest.raises(error):
        write_whole(path, fail)
    assert (path.read_text() if before else None) == before
    assert names(tmp_path) == (["file.txt"] if before else [])


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write(beside):
        beside.write_text("new")
        assert path.read_text() == "old" and beside.parent == path.parent

    write_whole(path, write)
    assert path.read_text() == "new"


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    def write(_beside):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"No space left on device.*Is the disk full"):
        write_whole(tmp_path / "file.txt", write)
    assert names(tmp_path) == []


def test_json_is_read_or_refused_in_a_sentence(tmp_path):
    write_text(tmp_path / "a.json", '{"x": 1}')
    assert read_json(tmp_path / "a.json") == {"x": 1}
    with pytest.raises(UserError, match=r"Expected a file at .*gone\.json, and there is none"):
        read_json(tmp_path / "gone.json")
    for content in (b'{"x": ', b"", b"\xff\xfe"):
        (tmp_path / "b.json").write_bytes(content)
        with pytest.raises(LedgerError, match=r"Expected JSON in .*b\.json; the file is damaged"):
            read_json(tmp_path / "b.json", LedgerError)
