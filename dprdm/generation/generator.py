"""What `predict` and `render` ask of a model: draw an image for a released condition, and say what the image depends on."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightning as L
from torch import Tensor

from dprdm.diffusion.shapes import Pixels

# A file of weights says under this name, in its metadata, which generator it is of: class path and arguments, as JSON.
DESCRIPTION = "generator"


class Generator(L.LightningModule, ABC):
    """Draws images from conditions: post-processing, blind to private data, a function of (weights, condition, seed).

    Nothing here knows of a budget, a private store or a mechanism: those are options of `predict`, and no checkpoint can
    change them.
    """

    # What the file of weights in use says of itself: privately trained weights carry their certificate there.
    weights_metadata: Mapping[str, str] = MappingProxyType({})
    # That file; None of weights that came otherwise.
    weights_file: Path | None = None

    def predict_step(self, batch: Mapping[str, Any], _index: int) -> Pixels:
        """Return images (image, channel, height, width) uint8 for released conditions."""
        return self.render(
            batch["condition"], batch["noise_std"], batch["seed"].tolist(), batch["prompt"], batch["query"]
        )

    @abstractmethod
    def render(
        self,
        condition: Tensor,
        noise_std: Tensor,
        seeds: Sequence[int],
        prompts: Sequence[str] = (),
        queries: Tensor | None = None,
    ) -> Pixels:
        """Draw one image per condition; the same (weights, condition, prompt, seed) gives the same image in any batch.

        Args:
            condition: (image, token, dim), released.
            noise_std: per image, of the noise in it.
            seeds: one an image.
            prompts: one an image, for generators that read text too.
            queries: (image, dim), the prompts' vectors, for generators that read those; zero where there is none. None: none.
        """

    @abstractmethod
    def load_weights(self, path: Path | None) -> None:
        """Read weights. None: those it has already; raises UserError if it has none, or if they do not fit."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Hash the weights in use (SHA-256), so that images of two networks are never mixed."""

    @abstractmethod
    def settings(self) -> dict[str, str | int | float | bool | None]:
        """Return what an image depends on besides weights, condition and seed, by name."""
