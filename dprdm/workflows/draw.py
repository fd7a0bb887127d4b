"""Images drawn from releases for a measurement, kept in memory: no run folder, no certificate, nothing to publish."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from dprdm.encoders.encoder import Encoder
from dprdm.generation.generator import Generator
from dprdm.types import Answered, Embeddings

BATCH = 64


@dataclass(frozen=True, eq=False)
class Drawing:
    """A generator, and the encoder that looks at what it draws."""

    model: Generator
    encoder: Encoder

    @torch.inference_mode()
    def draw(self, answered: Answered) -> UInt8[np.ndarray, "image channel height width"]:
        """One image a released vector; the same place always has the same seed."""
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

    def see(self, answered: Answered) -> Embeddings:
        """Embeddings of the images drawn."""
        return self.encoder.images([_picture(pixels) for pixels in self.draw(answered)])


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
