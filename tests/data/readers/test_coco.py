"""MS-COCO as its publisher ships it, in small."""

import json

import pytest

from dprdm.data.readers.coco import Coco
from dprdm.data.readers.source import UnreadableImage
from dprdm.errors import UserError
from tests.data.pictures import picture


@pytest.fixture
def coco(tmp_path):
    names = [f"COCO_val2014_{number:012d}.jpg" for number in (9, 25, 30)]
    for index, name in enumerate(names):
        picture(tmp_path / "val2014" / name, seed=index)
    annotations = [
        {"image_id": 25, "id": 1, "caption": "Two cats. \n"},
        {"image_id": 9, "id": 2, "caption": "A dog."},
        {"image_id": 25, "id": 3, "caption": "Cats again."},
    ]
    images = [{"id": number, "file_name": name} for number, name in zip((9, 25, 30), names, strict=True)]
    write(tmp_path, {"images": images, "annotations": annotations})
    return tmp_path


def write(root, content):
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / "captions_val2014.json").write_text(json.dumps(content))


def test_images_keys_and_first_captions(coco):
    source = Coco(coco, "val2014")
    assert len(source) == 3
    assert [source.caption(index) for index in range(3)] == ["A dog.", "Two cats.", ""]
    assert source.key(1) == "COCO_val2014_000000000025.jpg" and source.image(1).size == (8, 6)


def test_an_image_that_was_not_unpacked_is_unreadable(coco):
    (coco / "val2014" / "COCO_val2014_000000000025.jpg").unlink()
    with pytest.raises(UnreadableImage, match="000000000025"):
        Coco(coco, "val2014").image(1)


def test_a_missing_collection_says_what_to_download(tmp_path):
    with pytest.raises(UserError, match=r"download train2014\.zip and annotations_trainval2014\.zip") as refused:
        Coco(tmp_path)
    assert str(tmp_path / "annotations" / "captions_train2014.json") in str(refused.value)


@pytest.mark.parametrize("content", [[], {"images": []}])
def test_another_json_is_refused(coco, content):
    write(coco, content)
    with pytest.raises(UserError, match="Expected COCO captions"):
        Coco(coco, "val2014")


def test_a_damaged_table_is_refused(coco):
    (coco / "annotations" / "captions_val2014.json").write_text('{"images": [')
    with pytest.raises(UserError, match="Expected COCO captions"):
        Coco(coco, "val2014")


def test_the_split_of_2017_names_its_files_by_number(tmp_path):
    picture(tmp_path / "train2017" / "000000391895.jpg")
    content = {
        "images": [{"id": 391895, "file_name": "000000391895.jpg"}],
        "annotations": [{"image_id": 391895, "id": 1, "caption": "A man."}],
    }
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "captions_train2017.json").write_text(json.dumps(content))
    source = Coco(tmp_path, "train2017")
    assert (source.key(0), source.caption(0), source.image(0).size) == ("000000391895.jpg", "A man.", (8, 6))
