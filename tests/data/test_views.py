"""Two copies of each picture, shifted for training, plain for validation."""

import numpy as np
import torch

from dprdm.data.views import Views, ViewsDataModule
from tests.data.pictures import Pictures


def test_plain_views_are_the_picture_in_three_channels():
    source = Pictures(3)
    item = Views(source, 28, max_shift=0)[1]
    assert item["views"].shape == (2, 3, 28, 28) and item["views"].dtype == torch.uint8
    assert all(np.array_equal(channel, source.pixels[1]) for view in item["views"] for channel in view.numpy())
    assert item["caption"] == "picture 1"


def test_shifted_views_are_the_picture_moved_by_at_most_that_much():
    source = Pictures(1)
    padded = np.pad(source.pixels[0], 2)
    moved = [padded[y : y + 28, x : x + 28] for y in range(5) for x in range(5)]
    allowed = {picture.tobytes() for shift in moved for picture in (shift, shift[:, ::-1])}
    torch.manual_seed(0)
    seen = {Views(source, 28, max_shift=2)[0]["views"][copy, 0].numpy().tobytes() for _ in range(50) for copy in (0, 1)}
    assert seen <= allowed and len(seen) > 20


def test_pictures_are_resized():
    assert Views(Pictures(1), 14, max_shift=2)[0]["views"].shape == (2, 3, 14, 14)


def test_training_is_shuffled_and_drops_the_rest_validation_does_not():
    data = ViewsDataModule(Pictures(10), Pictures(7), image_size=28, batch_size=4)
    torch.manual_seed(0)
    train, validation = list(data.train_dataloader()), list(data.val_dataloader())
    assert [len(batch["caption"]) for batch in train] == [4, 4]
    assert [name for batch in train for name in batch["caption"]] != [f"picture {index}" for index in range(8)]
    assert [name for batch in validation for name in batch["caption"]] == [f"picture {index}" for index in range(7)]
    assert torch.equal(validation[0]["views"][:, 0], validation[0]["views"][:, 1])


def test_a_broken_picture_is_passed_over_with_its_caption():
    source = Pictures(4, broken=(1, 2))
    item = Views(source, 28, max_shift=0)[1]
    assert item["caption"] == "picture 3" and np.array_equal(item["views"][0, 0].numpy(), source.pixels[3])
