"""Use: what a classifier learns from true labels it finds again; from shuffled ones it learns nothing."""

import pytest
import torch

from dprdm.demo.fashion import load_split
from dprdm.errors import UserError
from dprdm.metrics.utility import new_classifier, utility


def garments(split: str, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = load_split(split)
    return torch.from_numpy(images[part])[:, None], torch.from_numpy(labels[part]).long()


def test_true_labels_are_learnt_and_shuffled_ones_are_not():
    images, labels = garments("public", slice(300))
    real = garments("heldout", slice(300))
    learnt = utility(images, labels, *real, epochs=8)
    assert learnt.low < learnt.accuracy < learnt.high and learnt.accuracy > 0.5
    shuffled = labels[torch.randperm(300, generator=torch.Generator().manual_seed(0))]
    # 0.1 by chance; images of one class lean together, so the spread is wider than a coin's.
    assert utility(images, shuffled, *real, epochs=8).accuracy < 0.35


def test_no_real_image_chooses_the_epoch():
    images, labels = garments("public", slice(200))
    real, real_labels = garments("heldout", slice(100))
    first = utility(images, labels, real, real_labels, epochs=3)
    assert utility(images, labels, real, real_labels, epochs=3) == first
    other = utility(images, labels, 255 - real, (real_labels + 3) % 10, epochs=3)
    assert (first.epoch, first.chosen_at) == (other.epoch, other.chosen_at)


def test_other_shapes_take_a_residual_network():
    assert new_classifier(3, 32, 32, 10)(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_unlike_shapes_are_refused():
    images, labels = garments("public", slice(40))
    with pytest.raises(UserError, match="generated ones' shape"):
        utility(images, labels, torch.zeros(2, 1, 32, 32, dtype=torch.uint8), labels[:2])
