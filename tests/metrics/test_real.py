"""Real images come in one shape, with labels where captions name classes, and say what was done to them."""

import numpy as np
import pytest
import torch
from PIL import Image

from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.data.readers.folder import ImageFolder
from dprdm.demo.fashion import FashionDemo, load_split
from dprdm.errors import UserError
from dprdm.metrics.real import read_real


def test_images_of_the_right_shape_are_left_alone():
    real = read_real(FashionDemo("heldout_dark"), (1, 28, 28))
    images, labels = load_split("heldout_dark")
    assert torch.equal(real.images[:, 0], torch.from_numpy(images)) and real.conversion == ""
    assert torch.equal(real.labels, torch.from_numpy(labels).long()) and real.class_names == CLASS_NAMES


def test_others_are_fitted_and_it_is_said(tmp_path):
    for index, size in enumerate([(30, 20), (20, 30)]):
        Image.fromarray(np.full((*size, 3), 100 + index, np.uint8)).save(tmp_path / f"{index}.png")
    real = read_real(ImageFolder(tmp_path), (1, 10, 10))
    assert real.images.flatten(1).unique(dim=1).tolist() == [[100], [101]]
    assert real.conversion == "real images fitted to 10 x 10 grey (bicubic, middle cut)"
    assert real.labels is None and real.captions == ("", "")


def test_a_cap_spreads_over_the_source():
    assert read_real(FashionDemo("heldout"), None, 5).images.shape == (5, 1, 28, 28)
    assert len(set(read_real(FashionDemo("heldout"), None, 50).captions)) > 5


def test_what_cannot_be_read_is_passed_over_or_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="found none"):
        read_real(ImageFolder(tmp_path), None)
