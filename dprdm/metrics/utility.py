"""Use: a classifier that has seen synthetic images alone, tested on real ones. The number that DPImageBench reports."""

import functools
from typing import NamedTuple

import torch
from jaxtyping import Int, UInt8
from scipy.stats import binomtest
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18
from tqdm import tqdm

from dprdm import check
from dprdm.diffusion.shapes import Pixels
from dprdm.errors import UserError
from dprdm.metrics.classifier import SIDE, SmallClassifier
from dprdm.metrics.features import batches
from dprdm.training.schedules import learning_rate_factor

EPOCHS, BATCH, SET_ASIDE = 20, 64, 0.1
LEARNING_RATE, WEIGHT_DECAY, WARMUP = 2e-3, 0.05, 20
PROVENANCE = "a classifier trained on the generated images; its epoch chosen on a tenth of them"


class Utility(NamedTuple):
    """How a classifier trained on synthetic images does on real ones.

    Args:
        accuracy: share of real images whose class it finds, in [0, 1].
        low: lower end of the 95% interval over real images (Wilson).
        high: upper end.
        epoch: the one chosen, from 1.
        chosen_at: accuracy on the synthetic images set aside, by which it was chosen.
    """

    accuracy: float
    low: float
    high: float
    epoch: int
    chosen_at: float


def utility(
    synthetic: Pixels,
    labels: Int[Tensor, "image"],
    real: UInt8[Tensor, "real channel_ height_ width_"],
    real_labels: Int[Tensor, "real"],
    seed: int = 0,
    epochs: int = EPOCHS,
) -> Utility:
    """Train on synthetic images, choose the epoch on a tenth of them, test once on real images.

    Nothing is chosen by the real images: neither the settings, which are fixed, nor the epoch. So a private test set costs no
    more than the one number, which is read from it and carries no guarantee.

    Args:
        synthetic: images to learn from.
        labels: what each was asked to show.
        real: images to be tested on, of the same size and channels.
        real_labels: their classes.
        seed: of weights and order; public.
        epochs: of the training.

    Raises:
        UserError: if sizes differ, or there are fewer than two images to set aside.
    Source: DPImageBench (Gong et al. 2025), which warns that a classifier chosen on the sensitive test set breaks privacy.
    """
    check.at_least(1, epochs=epochs)
    if synthetic.shape[1:] != real.shape[1:]:
        raise UserError(
            f"Expected real images of the generated ones' shape {tuple(synthetic.shape[1:])}, got {tuple(real.shape[1:])}."
        )
    check.at_least(20, synthetic_images=len(synthetic))
    classes = int(max(labels.max(), real_labels.max())) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = new_classifier(synthetic.shape[1], synthetic.shape[2], synthetic.shape[3], classes)
        order = torch.randperm(len(synthetic))
        aside, learnt = order[: (cut := max(2, int(SET_ASIDE * len(order))))], order[cut:]
        epoch, chosen_at = _fit(network, synthetic, labels, learnt, aside, epochs)
    right = int((verdicts(network, real) == real_labels).sum())
    interval = binomtest(right, len(real)).proportion_ci(0.95, method="wilson")
    return Utility(right / len(real), float(interval.low), float(interval.high), epoch, chosen_at)


def new_classifier(channels: int, height: int, width: int, classes: int) -> nn.Module:
    """Return two convolutions for 28 x 28 in grey; else ResNet-18, with a stem for small images below 64 pixels."""
    if (channels, height, width) == (1, SIDE, SIDE):
        return SmallClassifier(classes)
    network: nn.Module = resnet18(num_classes=classes)
    if min(height, width) < 64:
        network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    return network


@torch.inference_mode()
def verdicts(network: nn.Module, images: Pixels) -> Int[Tensor, "image"]:
    """Return the likeliest class of each image."""
    network.eval()
    return torch.cat([network(_entering(network, batch)).argmax(1) for batch in batches(images)])


def _fit(
    network: nn.Module, images: Pixels, labels: Tensor, learnt: Tensor, aside: Tensor, epochs: int
) -> tuple[int, float]:
    """Train; leave the weights of the epoch that is best on `aside`, the earliest of equals; say which, and how good."""
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    total = epochs * max(1, len(learnt) // BATCH)
    factor = functools.partial(learning_rate_factor, warmup=min(WARMUP, total // 4), total=total)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    best, weights = (0, -1.0), network.state_dict()
    for epoch in tqdm(range(1, epochs + 1), desc="Training a classifier on them", leave=False):
        network.train()
        shuffled = learnt[torch.randperm(len(learnt))]
        for batch in torch.split(shuffled, BATCH)[: max(1, len(learnt) // BATCH)]:
            loss = functional.cross_entropy(network(_entering(network, images[batch])), labels[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        accuracy = (verdicts(network, images[aside]) == labels[aside]).double().mean().item()
        if accuracy > best[1]:
            best, weights = (epoch, accuracy), {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(weights)
    return best


def _entering(network: nn.Module, images: Pixels) -> Tensor:
    """Bytes for the small classifier, which scales them itself; three channels in [-1, 1] for the other."""
    if isinstance(network, SmallClassifier):
        return images
    return (images.expand(-1, 3, -1, -1).float() / 255 - 0.5) / 0.5
