"""What an encoder must be: images and captions to vectors of one space."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from PIL import Image

from dprdm.types import Embeddings


class Encoder(ABC):
    """Turns images and captions into unit vectors of one space, so that a prompt is near the images that show it."""

    # What makes two encoders the same: stored in every index, compared before every search. With the keys `model`, which
    # messages name, and `weights_sha256`, which results record; others as they are needed.
    identity: dict[str, str]

    @property
    @abstractmethod
    def dim(self) -> int:
        """Return the length of a vector."""

    @abstractmethod
    def images(self, images: Iterable[Image.Image]) -> Embeddings:
        """Return unit vectors (image, dim), float32. A vector must depend on its own image alone, to the last bit."""

    @abstractmethod
    def texts(self, captions: Sequence[str]) -> Embeddings:
        """Return unit vectors (caption, dim), float32."""
