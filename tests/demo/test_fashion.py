"""The embedded demo holds what its docstring says, and its splits do not overlap where they must not."""

import numpy as np
import pytest

from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo.cutting import garment_brightness, owned_by_the_shop
from dprdm.demo.fashion import FashionDemo, PublicFashion, load_split
from dprdm.demo.make_demo import RARE
from tests.data.readers.idx import write_fashion

COUNTS = {"private": 15_051, "public": 15_000, "pool": 10_590, "heldout": 7_000, "heldout_dark": 2_463}


def distinct(split: str) -> set[bytes]:
    return {image.tobytes() for image in load_split(split)[0]}


@pytest.mark.parametrize(("split", "count"), COUNTS.items())
def test_counts(split, count):
    source = FashionDemo(split)
    assert (
        len(source)
        == count
        == int(FashionDemo.__doc__.split(f"`{split}`, ")[1].replace("the ", "").split()[0].replace(",", ""))
    )
    image = source.image(count - 1)
    assert image.mode == "L" and image.size == (28, 28)
    assert source.caption(0) in CLASS_NAMES and source.prompts() == CLASS_NAMES


def test_keys_are_unique_and_name_their_split():
    source = FashionDemo("heldout_dark")
    keys = [source.key(index) for index in range(len(source))]
    assert len(set(keys)) == len(keys) and keys[7] == "heldout_dark/00007"


def test_the_private_shop_is_darker_than_the_world_in_every_class():
    (dark, dark_labels), (world, world_labels) = load_split("private"), load_split("public")
    for label in range(10):
        mine, theirs = dark[dark_labels == label], world[world_labels == label]
        assert garment_brightness(mine).mean() < garment_brightness(theirs).mean() - 10


def test_the_generator_sees_few_of_three_classes():
    _, labels = load_split("pool")
    assert [int((labels == label).sum()) for label in range(10)] == [30 if c in RARE else 1500 for c in range(10)]


def test_what_is_private_or_held_out_is_in_nothing_public():
    """A handful of Fashion-MNIST's own images are there twice; no more than those are shared."""
    public = distinct("public")
    assert distinct("pool") <= public and distinct("heldout_dark") <= distinct("heldout")
    assert len(distinct("private") & public) < 20
    assert len(distinct("heldout") & (public | distinct("private"))) < 20


def test_labels_and_images_go_together():
    images, labels = load_split("heldout")
    source = FashionDemo("heldout")
    assert np.array_equal(np.asarray(source.image(42)), images[42]) and source.caption(42) == CLASS_NAMES[labels[42]]


def test_nothing_private_is_in_the_public_training_images(tmp_path):
    images, labels = write_fashion(tmp_path)
    private = owned_by_the_shop(images, labels)
    source = PublicFashion(tmp_path)
    assert len(source) + private.sum() == 100 and private.sum() == 40
    assert [source.key(index) for index in range(len(source))] == [f"train/{n:05d}" for n in np.flatnonzero(~private)]
    assert source.prompts() == CLASS_NAMES
    for index, number in enumerate(np.flatnonzero(~private)):
        assert np.array_equal(np.asarray(source.image(index)), images[number])
        assert source.caption(index) == CLASS_NAMES[labels[number]]
