"""What an encoder is: images and captions to unit vectors in one space."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from PIL import Image

from dprdm.types import Embeddings


class Encoder(ABC):
    """Turns images and captions into unit vectors in one space, and says what makes it the same as another."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Return the length of an embedding."""

    @property
    @abstractmethod
    def identity(self) -> dict[str, str]:
        """Return what makes two encoders the same, stored in every index and compared before every search.

        At least `model`, a name, and `weights_sha256`.
        """

    @abstractmethod
    def images(self, images: Iterable[Image.Image]) -> Embeddings:
        """Return unit vectors (image, dim), float32, each a function of its image alone, whatever the others are.

        Few images are taken ahead, so that a collection is decoded as it is embedded.
        """

    @abstractmethod
    def texts(self, captions: Sequence[str]) -> Embeddings:
        """Return unit vectors (caption, dim), float32."""
