"""Folders as people have them: nested, with hidden files, with captions in a table or beside the image."""

import json

import pytest

from dprdm.data.readers.folder import ImageFolder
from dprdm.errors import UserError
from tests.data.pictures import picture


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(["b.png", "a.jpg", "deep/er/c.WEBP", ".hidden.png", ".trash/d.png"]):
        picture(tmp_path / "images" / name, seed=index)
    (tmp_path / "images" / "notes.pdf").write_bytes(b"no image")
    return tmp_path / "images"


def table(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_finds_images_at_any_depth_in_order_and_passes_over_hidden_ones(folder):
    source = ImageFolder(folder)
    assert [source.key(index) for index in range(len(source))] == ["a.jpg", "b.png", "deep/er/c.WEBP"]
    assert [source.image(index).size for index in range(3)] == [(8, 6)] * 3


def test_a_hidden_folder_may_be_asked_for_by_name(folder):
    assert len(ImageFolder(folder / ".trash")) == 1


def test_captions_beside_the_image(folder):
    (folder / "b.txt").write_text("a bée\n", encoding="utf-8")
    source = ImageFolder(folder)
    assert [source.caption(index) for index in range(3)] == ["", "a bée", ""]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_captions_and_groups_from_a_table(folder, tmp_path, suffix):
    rows = [{"file": "a.jpg", "caption": 'a "quoted", one', "person": "ann"}]
    rows += [
        {"file": "b.png", "caption": "a b", "person": "bob"},
        {"file": "deep/er/c.WEBP", "caption": "", "person": "ann"},
    ]
    lines = ["file,caption,person", '"a.jpg","a ""quoted"", one",ann', "b.png,a b,bob", "deep/er/c.WEBP,,ann"]
    text = "\n".join(lines) if suffix == ".csv" else "\n\n".join(json.dumps(row) for row in rows)
    source = ImageFolder(folder, table(tmp_path / f"captions{suffix}", text), "person")
    assert [source.caption(index) for index in range(3)] == ['a "quoted", one', "a b", ""]
    assert [source.group(index) for index in range(3)] == ["ann", "bob", "ann"]


def test_a_table_of_hugging_faces_image_folders_is_read(folder):
    path = table(folder / "metadata.jsonl", '{"file_name": "b.png", "text": "a b"}\n')
    assert ImageFolder(folder, path).caption(1) == "a b"


def test_a_caption_in_another_encoding_is_read_as_well_as_can_be(folder):
    (folder / "b.txt").write_bytes("a bée".encode("latin-1"))
    assert ImageFolder(folder).caption(1).startswith("a b")


def test_a_table_made_by_a_spreadsheet_has_a_byte_order_mark(folder, tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text("file,caption\na.jpg,first\n", encoding="utf-8-sig")
    assert ImageFolder(folder, path).caption(0) == "first"


def test_without_a_group_column_an_image_is_its_own_unit(folder):
    assert ImageFolder(folder).group(0) is None


def test_nobody_is_left_without_an_owner(folder, tmp_path):
    path = table(tmp_path / "captions.csv", "file,person\na.jpg,ann\n")
    source = ImageFolder(folder, path, "person")
    assert source.group(0) == "ann"
    with pytest.raises(UserError, match=r"Expected a person for b\.png"):
        source.group(1)


def test_a_group_column_needs_a_table(folder):
    with pytest.raises(UserError, match=r"Expected a captions table with the column 'person'"):
        ImageFolder(folder, group_column="person")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.csv", b"image,caption\na.jpg,x\n", r"Expected a column 'file' in .*it has image, caption"),
        ("t.jsonl", b'{"file": "a.jpg"\n', r"reading it failed"),
        ("t.jsonl", b'["a.jpg", "x"]\n', r"reading it failed"),
        ("t.csv", b"file,caption\n\xff\xfe,x\n", r"reading it failed"),
    ],
)
def test_a_table_that_is_none_is_refused(folder, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        ImageFolder(folder, tmp_path / name)


def test_a_missing_table_or_folder_is_named(folder, tmp_path):
    with pytest.raises(UserError, match=r"Expected captions=.*gone\.csv to be a file"):
        ImageFolder(folder, tmp_path / "gone.csv")
    with pytest.raises(UserError, match=r"Expected images=.*gone to be a folder"):
        ImageFolder(tmp_path / "gone")


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"Expected images in .*, and found none"):
        ImageFolder(tmp_path)


NAMELESS = [("csv", "file,person\na.jpg,ann\nb.png,{}\n", value) for value in ("", "  ", "NaN", "null", "None")]
NAMELESS += [
    ("jsonl", '{{"file": "a.jpg", "person": "ann"}}\n{{"file": "b.png", "person": {}}}\n', value)
    for value in ("null", "NaN", '""', '" "', '"none"', '["ann", "bob"]')
]


@pytest.mark.parametrize(("suffix", "text", "value"), NAMELESS)
def test_hazard_19_a_row_that_names_nobody_is_refused(folder, tmp_path, suffix, text, value):
    source = ImageFolder(folder, table(tmp_path / f"t.{suffix}", text.format(value)), "person")
    line = 3 if suffix == "csv" else 2
    assert source.group(0) == "ann"
    with pytest.raises(UserError, match=rf"Expected (a|one) person for b\.png in line {line} of .*t\.{suffix}"):
        source.group(1)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_hazard_19_an_image_of_two_persons_is_refused_with_both_rows(folder, tmp_path, suffix):
    rows = [("a.jpg", "ann"), ("b.png", "bob"), ("a.jpg", "bob"), ("b.png", " bob ")]
    lines = [json.dumps({"file": file, "person": person}) for file, person in rows]
    if suffix == "csv":
        lines = ["file,person", *map(",".join, rows)]
    source = ImageFolder(folder, table(tmp_path / f"t.{suffix}", "\n".join(lines)), "person")
    first, second = (2, 4) if suffix == "csv" else (1, 3)
    sentence = (
        rf"a\.jpg to belong to one person; .* for 'ann' in line {first} and for 'bob' in line {second}\. Keep one"
    )
    with pytest.raises(UserError, match=sentence):
        source.group(0)
    assert source.group(1) == "bob"  # the same person twice


def test_a_group_column_that_the_table_lacks_is_refused(folder, tmp_path):
    path = table(tmp_path / "t.csv", "file,person\na.jpg,ann\n")
    with pytest.raises(UserError, match=r"Expected a column 'patient' in .*t\.csv; it has file, person"):
        ImageFolder(folder, path, "patient")


def test_hazard_19_two_columns_of_persons_are_refused(folder, tmp_path):
    path = table(tmp_path / "t.csv", "file,person,person\na.jpg,ann,bob\n")
    with pytest.raises(UserError, match=r"Expected every column of .*t\.csv once; 'person' is there twice"):
        ImageFolder(folder, path, "person")
