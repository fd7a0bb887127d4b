"""ImageNet's layouts, small: classes in folders, blurred, Kaggle's, validation images side by side."""

import json

import pytest

from dprdm.data.readers.imagenet import ImageNet
from dprdm.errors import UserError
from tests.data.pictures import picture

TENCH, SHARK = "n01440764", "n01484850"
MAPPING = f"{TENCH} tench, Tinca tinca\n{SHARK} great white shark, white shark\n"


def images(folder, suffix="JPEG"):
    for seed, wnid in enumerate((SHARK, TENCH)):
        for number in (10, 2):
            made = picture(folder / wnid / f"{wnid}_{number}.jpg", seed=seed)
            made.rename(made.with_suffix(f".{suffix}"))
    (folder / TENCH / "._junk.JPEG").write_bytes(b"")
    (folder / TENCH / "notes.txt").write_bytes(b"")


def keys(source):
    return [source.key(index) for index in range(len(source))]


@pytest.mark.parametrize("place", ["train", "train_blurred", "ILSVRC/Data/CLS-LOC/train"])
@pytest.mark.parametrize("suffix", ["JPEG", "jpg"])
def test_classes_in_folders(tmp_path, place, suffix):
    images(tmp_path / place, suffix)
    (tmp_path / "LOC_synset_mapping.txt").write_text(MAPPING)
    source = ImageNet(tmp_path)
    names = (f"{TENCH}_10", f"{TENCH}_2", f"{SHARK}_10", f"{SHARK}_2")
    assert keys(source) == [f"{name[:9]}/{name}.{suffix}" for name in names]
    assert [source.caption(index) for index in range(4)] == ["tench", "tench", "great white shark", "great white shark"]
    assert source.prompts() == ("tench", "great white shark") and source.image(3).size == (8, 6)


def test_without_names_there_are_no_captions(tmp_path):
    images(tmp_path / "train")
    assert ImageNet(tmp_path).caption(0) == "" and ImageNet(tmp_path).prompts() == ()


@pytest.mark.parametrize(
    "content",
    [{"0": [TENCH, "tench"], "1": [SHARK, "great_white_shark"]}, {TENCH: "tench", SHARK: "great white shark"}],
)
def test_names_in_a_json(tmp_path, content):
    images(tmp_path / "train")
    (tmp_path / "names.json").write_text(json.dumps(content))
    assert ImageNet(tmp_path, names=tmp_path / "names.json").prompts() == ("tench", "great white shark")


def test_validation_images_side_by_side(tmp_path):
    for number in (2, 1, 3):
        picture(tmp_path / "val" / f"ILSVRC2012_val_{number:08d}.jpg")
    (tmp_path / "LOC_synset_mapping.txt").write_text(MAPPING)
    assert [ImageNet(tmp_path, "val").caption(index) for index in range(3)] == [""] * 3
    rows = f"ImageId,PredictionString\nILSVRC2012_val_00000001,{SHARK} 85 1 499 272 \nILSVRC2012_val_00000002,{TENCH} 1 2 3 4 \n"
    (tmp_path / "LOC_val_solution.csv").write_text(rows)
    source = ImageNet(tmp_path, "val")
    assert keys(source) == [f"ILSVRC2012_val_{number:08d}.jpg" for number in (1, 2, 3)]
    assert [source.caption(index) for index in range(3)] == ["great white shark", "tench", ""]


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"Expected ImageNet in .*train/ \(or train_blurred/\)"):
        ImageNet(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(UserError, match="found none"):
        ImageNet(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"), [("n.txt", "n01440764\n"), ("n.json", "[1]"), ("n.json", '{"a": 1}'), ("n.json", "{")]
)
def test_names_that_are_none_are_refused(tmp_path, name, content):
    images(tmp_path / "train")
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=rf"{name}"):
        ImageNet(tmp_path, names=tmp_path / name)
