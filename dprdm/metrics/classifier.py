"""A small classifier of grey images of 28 x 28 pixels: its features measure such images, its verdict judges their class.

It is trained on public images, apart from the encoder and the generator, so that neither is judged by itself.
"""

import functools
from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from dprdm.diffusion.shapes import Pixels
from dprdm.errors import UserError
from dprdm.metrics.features import FeatureExtractor, Features, batches, hash_weights
from dprdm.training.schedules import learning_rate_factor

SIDE = 28


class SmallClassifier(L.LightningModule):
    """Two convolutions, a hidden layer, a linear layer. 28 x 28, grey.

    Args:
        num_classes: classes to tell apart.
        widths: channels of the two convolutions.
        num_features: width of the hidden layer, which is what `embed` gives.
        learning_rate: of AdamW, after a linear warm-up of 50 steps, falling along a cosine to zero.
    """

    def __init__(
        self,
        num_classes: int = 10,
        widths: tuple[int, int] = (24, 48),
        num_features: int = 128,
        learning_rate: float = 3e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        first, second = widths
        self.convolutions = nn.Sequential(_block(1, first), _block(first, second), nn.Flatten())
        self.hidden = nn.Sequential(nn.Linear(second * (SIDE // 4) ** 2, num_features), nn.ReLU())
        self.head = nn.Linear(num_features, num_classes)

    def embed(self, images: Pixels) -> Features:
        """Return the hidden layer: what the last layer sees."""
        features: Features = self.hidden(self.convolutions(images.float() / 255))
        return features

    def forward(self, images: Pixels) -> Tensor:
        """Return logits (image, class)."""
        logits: Tensor = self.head(self.embed(images))
        return logits

    def training_step(self, batch: Sequence[Tensor], _index: int) -> Tensor:
        """Return the cross-entropy."""
        images, labels = batch
        loss = functional.cross_entropy(self(images), labels)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        """Return AdamW with a warm-up, then a cosine."""
        optimizer = torch.optim.AdamW(self.parameters(), self.hparams["learning_rate"], weight_decay=0.05)
        total = int(self.trainer.estimated_stepping_batches)
        factor = functools.partial(learning_rate_factor, warmup=50, total=total)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @torch.inference_mode()
    def classify(self, images: Pixels) -> Int[Tensor, "image"]:
        """Return the likeliest class of each image, batch by batch."""
        _require_shape(images)
        self.eval()
        return torch.cat([self(batch).argmax(1) for batch in batches(images)])


class ClassifierFeatures(FeatureExtractor):
    """The features of a trained `SmallClassifier`.

    Args:
        classifier: trained.
        name: what stands beside the numbers.
    """

    def __init__(self, classifier: SmallClassifier, name: str) -> None:
        self.classifier = classifier.eval()
        self._name = name
        self._sha256 = hash_weights(classifier)

    @property
    def name(self) -> str:
        """What stands beside a number made with it."""
        return self._name

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the classifier's weights."""
        return self._sha256

    @property
    def resize(self) -> str:
        """Images must have its size already."""
        return f"none ({SIDE} x {SIDE}, grey)"

    @torch.inference_mode()
    def features(self, images: Pixels) -> Features:
        """Return vectors (image, feature), float32. Raises UserError for images of another size or in colour."""
        _require_shape(images)
        return torch.cat([self.classifier.embed(batch) for batch in batches(images)])


def trained(images: Pixels, labels: Int[Tensor, "image"], epochs: int, batch_size: int = 128) -> SmallClassifier:
    """Train a classifier of these images. 15,000 images take about 10 seconds an epoch on one core, and 6 epochs give 90%.

    Weights and order come from torch's global generator, which `lightning.seed_everything` sets: public data only.
    """
    classifier = SmallClassifier()
    loader = DataLoader(TensorDataset(images, labels), batch_size, shuffle=True, drop_last=True)
    trainer = L.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False
    )
    trainer.fit(classifier, loader)
    return classifier.eval()


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2))


def _require_shape(images: Pixels) -> None:
    if images.shape[1:] != (1, SIDE, SIDE):
        raise UserError(f"Expected grey images of {SIDE} x {SIDE} pixels, got {tuple(images.shape[1:])}.")
