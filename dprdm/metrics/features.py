"""Feature networks: images to vectors that metrics compare, and the provenance that stands beside every number."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from dprdm import check
from dprdm.diffusion.shapes import Pixels
from dprdm.encoders.encoder import Encoder
from dprdm.runs.provenance import Provenance

# One vector an image, of whatever length and scale the feature network gives.
Features: TypeAlias = Float[Tensor, "image feature"]
# The same where two sets of other sizes meet.
RealFeatures: TypeAlias = Float[Tensor, "real feature"]
DrawnFeatures: TypeAlias = Float[Tensor, "drawn feature"]
BATCH = 256


class FrozenNetwork(ABC):
    """A network that looks at images for a metric, and says who it is."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What stands beside a number made with it."""

    @property
    @abstractmethod
    def weights_sha256(self) -> str:
        """SHA-256 of the weights: two numbers may be compared only where it is the same."""


class FeatureExtractor(FrozenNetwork):
    """A frozen network that turns images into vectors."""

    @property
    @abstractmethod
    def resize(self) -> str:
        """What it does to an image's size first, in words."""

    @abstractmethod
    def features(self, images: Pixels) -> Features:
        """Return vectors (image, feature), float32, on the CPU, of any number of images: see `batches`."""


def provenance(extractor: FeatureExtractor, n_real: int, n_generated: int, reads_private: bool) -> Provenance:
    """Return the provenance of a number made with `extractor` from this many images."""
    counts = check.at_least(1, n_real=n_real), check.at_least(1, n_generated=n_generated)
    return Provenance(extractor.name, extractor.weights_sha256, extractor.resize, *counts, reads_private)


def batches(images: Pixels, size: int = BATCH) -> Iterator[Pixels]:
    """Return consecutive batches of at most `size` images."""
    return (images[start : start + size] for start in range(0, len(images), size))


def encode_pixels(encoder: Encoder, images: Pixels) -> Float[np.ndarray, "image dim"]:
    """Return the unit vectors of images that are tensors."""
    return np.concatenate([encoder.images(_pictures(batch)) for batch in batches(images)])


def _pictures(images: Pixels) -> list[Image.Image]:
    arrays = images.permute(0, 2, 3, 1).contiguous().numpy()
    return [Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array) for array in arrays]


def hash_weights(network: nn.Module) -> str:
    """Return the SHA-256 of the names, shapes and bytes of a network's parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
