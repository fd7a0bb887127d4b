"""Parquet files as Hugging Face writes them: images of {bytes, path}, texts, lists of texts, class labels."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dprdm.data.readers.parquet import Parquet
from dprdm.data.readers.source import UnreadableImage
from dprdm.errors import UserError
from tests.data.readers.archives import encoded, level


def write(path, levels, columns=None, features=None):
    images = [{"bytes": encoded(value), "path": f"{value}.png"} for value in levels]
    table = pa.table({"image": images, **(columns or {})})
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=3)
    return path


def test_rows_at_any_position_over_row_groups_and_files(tmp_path):
    for file in range(2):
        levels = range(file * 100, file * 100 + 7)
        write(tmp_path / f"train-{file:05d}-of-00002.parquet", levels, {"text": [f" t{value}\n" for value in levels]})
    source = Parquet(str(tmp_path))
    assert len(source) == 14
    for index in np.random.default_rng(0).permutation(14).tolist():
        value = index // 7 * 100 + index % 7
        assert level(source.image(index)) == value and source.caption(index) == f"t{value}"
        assert source.key(index) == f"train-{index // 7:05d}-of-00002.parquet/{index % 7:07d}"


def test_class_labels_by_their_names(tmp_path):
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    source = Parquet(str(write(tmp_path / "a.parquet", [1, 2], {"label": [1, 0]}, features)))
    assert [source.caption(0), source.caption(1)] == ["dog", "cat"] and source.prompts() == ("cat", "dog")


def test_lists_of_captions_no_captions_and_missing_ones(tmp_path):
    path = write(
        tmp_path / "a.parquet", [1, 2, 3], {"captions": [["one", "two"], [], None], "who": ["ann", "bob", None]}
    )
    source = Parquet(str(path), text_column="captions", group_column="who")
    assert [source.caption(index) for index in range(3)] == ["one", "", ""]
    assert [source.group(0), source.group(1)] == ["ann", "bob"] and Parquet(str(path)).caption(0) == ""
    with pytest.raises(UserError, match=r"Expected a who for a\.parquet/0000002"):
        source.group(2)
    assert Parquet(str(path)).group(0) is None


def test_plain_bytes_and_rows_without_an_image(tmp_path):
    images = [encoded(7), None, b"broken"]
    pq.write_table(pa.table({"jpg": pa.array(images, pa.binary())}), tmp_path / "a.parquet")
    source = Parquet(str(tmp_path / "a.parquet"), image_column="jpg")
    assert level(source.image(0)) == 7
    for index in (1, 2):
        with pytest.raises(UnreadableImage, match=rf"a\.parquet/000000{index}"):
            source.image(index)


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    path = write(tmp_path / "a.parquet", [1], {"text": ["x"]})
    with pytest.raises(UserError, match=r"Expected a column 'picture' in .*it has image, text"):
        Parquet(str(path), image_column="picture")


def test_a_damaged_file_is_named(tmp_path):
    path = write(tmp_path / "whole.parquet", range(9), {"text": ["x"] * 9})
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"Expected to read .*cut\.parquet"):
        Parquet(str(tmp_path / "cut.parquet"))


def test_an_empty_table_is_refused(tmp_path):
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="Expected rows in"):
        Parquet(str(tmp_path / "a.parquet"))


@pytest.mark.parametrize(
    "people",
    [["ann", None], ["ann", " "], ["ann", "NaN"], [1.0, float("nan")], [["ann"], ["ann", "bob"]]],
    ids=repr,
)
def test_hazard_19_a_row_that_names_nobody_is_refused(tmp_path, people):
    source = Parquet(str(write(tmp_path / "a.parquet", [1, 2], {"who": people})), group_column="who")
    with pytest.raises(UserError, match=r"Expected (a|one) who for a\.parquet/0000001"):
        source.group(1)
