"""Images drawn from releases for a measurement, in memory: no run folder, no certificate, nothing to publish."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.generation.generator import Generator
from dprdm.resources import find_packaged
from dprdm.types import Answered, Embeddings

BATCH = 64


@dataclass(frozen=True, eq=False)
class InMemoryRenderer:
    """A generator in evaluation mode with its weights, and the encoder that looks at what it draws."""

    model: Generator
    encoder: Encoder

    @torch.inference_mode()
    def render(self, answered: Answered) -> UInt8[np.ndarray, "image channel height width"]:
        """Draw one image a released vector; the same position always has the same seed."""
        condition = torch.from_numpy(answered.vectors).float()[:, None]
        noise_std = torch.from_numpy(answered.noise_std).float()
        parts = [range(start, min(start + BATCH, len(condition))) for start in range(0, len(condition), BATCH)]
        drawn = [
            self.model.render(
                condition[part.start : part.stop], noise_std[part.start : part.stop], list(part), [""] * len(part)
            )
            for part in parts
        ]
        return torch.cat(drawn).cpu().numpy()

    def embed(self, answered: Answered) -> Embeddings:
        """Draw one image a released vector, and return the images' embeddings."""
        return self.encoder.images([_picture(pixels) for pixels in self.render(answered)])


def open_renderer(model: Generator | None, weights: Path | None, encoder: Encoder) -> InMemoryRenderer:
    """Return a renderer with these weights; None: those that the model has already.

    Raises:
        UserError: if there is no model, or the weights do not fit it.
    """
    if model is None:
        raise UserError(
            "Expected a generator to draw images with: --model. Or attack vectors alone, with --only released."
        )
    if weights is not None:
        model.load_weights(find_packaged(weights))
    model.eval()
    return InMemoryRenderer(model, encoder)


def _picture(pixels: UInt8[np.ndarray, "channel height width"]) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
