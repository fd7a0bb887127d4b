"""The demo's own judge: a small classifier of garments, trained once on public images and saved to a file."""

import logging
from collections.abc import Sequence
from pathlib import Path

import lightning as L
import torch
from jaxtyping import Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo.fashion import load_split
from dprdm.diffusion.shapes import Pixels
from dprdm.errors import UserError
from dprdm.files import write_whole
from dprdm.metrics.classifier import ClassifierFeatures, SmallClassifier, trained
from dprdm.metrics.features import FeatureExtractor, Features
from dprdm.metrics.judge import Judge

EPOCHS = 6
NAME = "small classifier of the demo's garments, hidden layer of 128"
log = logging.getLogger(__name__)


class DemoClassifier(FeatureExtractor, Judge):
    """Features and verdicts of a classifier of the demo's garments; 28 x 28, grey.

    Args:
        file: its weights; trained on the demo's public images (about a minute) and written there if there is none.
        epochs: of that training.
    """

    def __init__(self, file: Path = Path("runs/demo_classifier.safetensors"), epochs: int = EPOCHS) -> None:
        self.classifier = load_or_train(Path(file), epochs)
        self._features = ClassifierFeatures(self.classifier, NAME)

    @property
    def name(self) -> str:
        """Return the name that results give with a number made with it."""
        return NAME

    @property
    def weights_sha256(self) -> str:
        """Return the SHA-256 of its weights."""
        return self._features.weights_sha256

    @property
    def resize(self) -> str:
        """Return what is done to images: nothing; they must have its size already."""
        return self._features.resize

    @property
    def class_names(self) -> Sequence[str]:
        """Return the demo's ten."""
        return CLASS_NAMES

    def features(self, images: Pixels) -> Features:
        """Return its hidden layer (image, 128)."""
        return self._features.features(images)

    def classify(self, images: Pixels) -> Int[Tensor, "image"]:
        """Return the likeliest garment of each image."""
        return self.classifier.classify(images)


def load_or_train(file: Path, epochs: int = EPOCHS) -> SmallClassifier:
    """Return the classifier in `file`, or one trained on the demo's public images and written there.

    Raises:
        UserError: if the file holds something else.
    """
    if not file.exists():
        log.warning("Training the classifier that judges the images (about a minute); it is kept in %s.", file)
        L.seed_everything(0, verbose=False)
        images, labels = load_split("public")
        fresh = trained(torch.from_numpy(images)[:, None], torch.from_numpy(labels).long(), epochs)
        write_whole(file, lambda path: save_file(fresh.state_dict(), path))
    classifier = SmallClassifier()
    try:
        classifier.load_state_dict(load_file(file))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise UserError(f"Expected the demo's classifier in {file}; it holds something else. Remove it.") from error
    return classifier.eval()
