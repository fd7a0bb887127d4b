"""What every reader must hold to: the built-in ones, and those of installed packages."""

import numpy as np
import pytest
from PIL import Image

from dprdm.data.readers.source import ImageSource
from dprdm.registry import names
from tests.contracts.readers import open_sample


@pytest.fixture(params=names("reader"))
def reader(request, tmp_path, monkeypatch) -> ImageSource:
    return open_sample(request.param, tmp_path / "collection", monkeypatch)


def keys(source):
    return [source.key(index) for index in range(len(source))]


def test_keys_are_unique_texts(reader):
    found = keys(reader)
    assert all(isinstance(key, str) and key for key in found)
    assert len(set(found)) == len(found)


def test_keys_are_the_same_on_every_run(request, reader, tmp_path, monkeypatch):
    again = open_sample(request.node.callspec.params["reader"], tmp_path / "again", monkeypatch)
    assert keys(again) == keys(reader)


def test_images_are_upright_eight_bit_pictures(reader):
    for index in range(min(len(reader), 5)):
        image = reader.image(index)
        assert isinstance(image, Image.Image) and image.mode in {"RGB", "L"} and min(image.size) > 0


def test_an_image_does_not_depend_on_what_was_read_before(reader):
    positions = range(min(len(reader), 5))
    forwards = [np.asarray(reader.image(index)) for index in positions]
    backwards = [np.asarray(reader.image(index)) for index in reversed(positions)][::-1]
    for first, second in zip(forwards, backwards, strict=True):
        assert np.array_equal(first, second)


def test_captions_and_prompts_are_texts(reader):
    assert all(isinstance(reader.caption(index), str) for index in range(len(reader)))
    assert all(isinstance(prompt, str) and prompt for prompt in reader.prompts())


def test_persons_have_a_column_and_a_name(reader):
    people = {reader.group(index) for index in range(len(reader))}
    assert people <= {None} if reader.group_column is None else None not in people and "" not in people
