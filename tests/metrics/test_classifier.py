"""The classifier learns the demo's garments, and its features are those of single images."""

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from dprdm.demo.fashion import load_split
from dprdm.errors import UserError
from dprdm.metrics.classifier import ClassifierFeatures, SmallClassifier

# Lightning 2.6 asks torch 2.14 something in a way that torch calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning", "ignore:.*does not have many workers")


def small_features() -> ClassifierFeatures:
    """An untrained one, small."""
    torch.manual_seed(0)
    return ClassifierFeatures(SmallClassifier(widths=(4, 8), num_features=8), "test")


def garments(split: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = load_split(split)
    return torch.from_numpy(images[:count])[:, None], torch.from_numpy(labels[:count]).long()


def accuracy(classifier: SmallClassifier) -> float:
    images, labels = garments("heldout", 500)
    return (classifier.classify(images) == labels).double().mean().item()


def test_learns_garments_it_did_not_see():
    torch.manual_seed(0)
    classifier = SmallClassifier(widths=(8, 16))
    untrained = accuracy(classifier)
    classifier.train()
    images = DataLoader(TensorDataset(*garments("public", 3000)), 64, shuffle=True)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    L.Trainer(max_epochs=2, accelerator="cpu", logger=False, **quiet).fit(classifier, images)
    assert untrained < 0.3 and accuracy(classifier) > 0.5


def test_features_of_an_image_do_not_depend_on_its_batch():
    images, _ = garments("heldout", 300)
    extractor = small_features()
    together = extractor.features(images)
    assert together.shape == (300, 8)
    alone = torch.cat([extractor.features(images[i : i + 1]) for i in (0, 150, 299)])
    assert torch.allclose(together[[0, 150, 299]], alone, atol=1e-5)


def test_features_see_brightness():
    images, _ = garments("heldout", 50)
    extractor = small_features()
    assert not torch.allclose(extractor.features(images), extractor.features(images // 2), atol=1e-3)


def test_two_classifiers_have_two_hashes():
    first = small_features()
    torch.manual_seed(1)
    assert first.weights_sha256 == small_features().weights_sha256
    assert (
        ClassifierFeatures(SmallClassifier(widths=(4, 8), num_features=8), "test").weights_sha256
        != first.weights_sha256
    )


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 1, 32, 32)])
def test_other_images_are_refused_with_their_shape(shape):
    images = torch.zeros(shape, dtype=torch.uint8)
    with pytest.raises(UserError, match=r"Expected grey images of 28 x 28 pixels, got"):
        small_features().features(images)
    with pytest.raises(UserError, match=r"Expected grey images of 28 x 28 pixels, got"):
        SmallClassifier().classify(images)
