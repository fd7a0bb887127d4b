"""The demo's numbers tell a dark shop from a bright world, on real garments."""

import pytest
import torch

from dprdm.demo.fashion import load_split
from dprdm.demo.tables import Garments, Measures, measure
from dprdm.metrics.classifier import ClassifierFeatures, SmallClassifier


def garments(split: str, part: slice) -> Garments:
    images, labels = load_split(split)
    return Garments(torch.from_numpy(images[part])[:, None], torch.from_numpy(labels[part]).long())


@pytest.fixture(scope="module")
def classifier() -> SmallClassifier:
    torch.manual_seed(0)
    return SmallClassifier(widths=(8, 16), num_features=16).eval()


def measured(drawn: Garments, classifier: SmallClassifier) -> Measures:
    shop, world = garments("heldout_dark", slice(300, 600)).images, garments("heldout", slice(1000, 1400)).images
    extractor = ClassifierFeatures(classifier, "untrained")
    return measure(drawn, shop, world, classifier, extractor, torch.Generator().manual_seed(0), resamples=20)


def test_dark_garments_are_nearer_to_the_shop_and_bright_ones_to_the_world(classifier):
    dark, mixed = (measured(garments(split, slice(300)), classifier) for split in ("heldout_dark", "heldout"))
    assert dark.fid_shop.value + dark.fid_shop.half_width < mixed.fid_shop.value
    assert mixed.fid_world.value < dark.fid_world.value
    assert dark.brightness.value < 125 < mixed.brightness.value
    assert dark.recall > 0.5 and dark.coverage > 0.5


def test_one_garment_again_and_again_is_found_out_by_recall_and_coverage(classifier):
    one = garments("heldout_dark", slice(1))
    copies = Garments(one.images.repeat(100, 1, 1, 1), one.labels.repeat(100))
    row = measured(copies, classifier)
    assert row.count == 100 and row.brightness.half_width == pytest.approx(0)
    assert row.recall < 0.05 and row.coverage < 0.05


def test_class_found_counts_the_classifiers_verdicts(classifier):
    drawn = garments("heldout", slice(200))
    verdicts = classifier.classify(drawn.images)
    half = torch.where(torch.arange(200) < 100, verdicts, (verdicts + 1) % 10)
    found = measured(Garments(drawn.images, half), classifier).class_found
    assert found.value == 0.5 and found.half_width == pytest.approx(1.96 * 0.5 / 200**0.5)
