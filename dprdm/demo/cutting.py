"""The rule that cuts Fashion-MNIST's training images into a private shop and a public world."""

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

PRIVATE_CANDIDATES = 43_000
DARKEST = 0.35

GreyImages = UInt8[np.ndarray, "image height width"]
Labels = Int[np.ndarray, "image"] | UInt8[np.ndarray, "image"]
Mark = Bool[np.ndarray, "image"]


def garment_brightness(images: GreyImages) -> Float[np.ndarray, "image"]:
    """Return the mean of the pixels over 20, per image: the background is black and is left out."""
    garment = images > 20
    brightness: Float[np.ndarray, image] = (images * garment).sum((1, 2)) / garment.sum((1, 2)).clip(1)
    return brightness


def darkest(images: GreyImages, labels: Labels) -> Mark:
    """Mark, in each class, the 35% of images whose garment pixels are darkest."""
    brightness = garment_brightness(images)
    mark = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = labels == label
        mark |= members & (brightness <= np.quantile(brightness[members], DARKEST))
    return mark


def owned_by_the_shop(images: GreyImages, labels: Labels) -> Mark:
    """Mark the training images that are private: the darkest of the first 43,000. All others are public."""
    mark = np.zeros(len(labels), bool)
    mark[:PRIVATE_CANDIDATES] = darkest(images[:PRIVATE_CANDIDATES], labels[:PRIVATE_CANDIDATES])
    return mark
