"""Prompts without images: for generators that need no public images."""

from collections.abc import Sequence

from PIL import Image

from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError


class PromptsOnly(ImageSource):
    """A source that suggests prompts and holds no image.

    Args:
        prompts: made from public knowledge alone.
    """

    def __init__(self, prompts: list[str]) -> None:
        self.suggested = tuple(prompts)

    def __len__(self) -> int:
        return 0

    def image(self, index: int) -> Image.Image:
        """Raise UserError: there is none."""
        raise UserError("Expected public images, and this source holds prompts only. Name another data.source.")

    def caption(self, index: int) -> str:
        """Raise UserError: there is none."""
        return self.key(index)

    def key(self, index: int) -> str:
        """Raise UserError: there is none."""
        raise UserError("Expected public images, and this source holds prompts only. Name another data.source.")

    def prompts(self) -> Sequence[str]:
        """Return the prompts of the constructor."""
        return self.suggested
