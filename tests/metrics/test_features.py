"""Who made the features, and from how many images."""

import copy

import pytest
import torch
from torch import nn

from dprdm.errors import UserError
from dprdm.metrics.features import batches, hash_weights, provenance
from tests.metrics.test_classifier import small_features


def test_the_hash_follows_weights_and_nothing_else():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    same, other = copy.deepcopy(network), copy.deepcopy(network)
    other[0].weight.data[0, 0] += 1e-3
    assert hash_weights(same) == hash_weights(network) != hash_weights(other)


def test_batches_cover_everything_once_and_in_order():
    images = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1)
    pieces = list(batches(images, 4))
    assert [len(piece) for piece in pieces] == [4, 4, 2]
    assert torch.equal(torch.cat(pieces), images)


def test_provenance_names_the_network_and_the_counts():
    extractor = small_features()
    stated = provenance(extractor, 7, 5, reads_private=False)
    assert (stated.n_real, stated.n_generated, stated.reads_private) == (7, 5, False)
    assert stated.features == extractor.name and len(stated.weights_sha256) == 64


def test_provenance_of_no_images_is_refused():
    with pytest.raises(UserError, match=r"Expected n_generated=0"):
        provenance(small_features(), 7, 0, reads_private=False)
