"""A generator for the encoder `colours`: it paints the colour that a released vector points to."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from dprdm.diffusion.shapes import Pixels
from dprdm.errors import UserError
from dprdm.generation.generator import Generator


class Swatches(Generator):
    """One colour all over, with a grain that the seed decides.

    Args:
        side: pixels.
        grain: standard deviation of the grain, in shades of 255.
    """

    def __init__(self, side: int = 16, grain: float = 8.0) -> None:
        super().__init__()
        self.side, self.grain = side, grain

    def render(
        self,
        condition: Tensor,
        noise_std: Tensor,
        seeds: Sequence[int],
        prompts: Sequence[str] = (),
        queries: Tensor | None = None,
    ) -> Pixels:
        """Paint one image per condition. See `Generator.render`."""
        return torch.stack([self._paint(colour[0], seed) for colour, seed in zip(condition, seeds, strict=True)])

    def load_weights(self, path: Path | None) -> None:
        """Refuse weights: there are none."""
        if path is not None:
            raise UserError("Expected no --weights for Swatches: it has none. Leave it out.")

    def fingerprint(self) -> str:
        """Return what says that two of these paint alike: nothing but the version, since there are no weights."""
        return "swatches 1"

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """Return what an image depends on besides condition and seed."""
        return {"side": self.side, "grain": self.grain}

    def _paint(self, colour: Tensor, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        grain = self.grain * torch.randn(3, self.side, self.side, generator=generator)
        shades = 255 * colour.float().cpu().clamp(min=0) / colour.abs().max().clamp(min=1e-6).float().cpu()
        return (shades[:, None, None] + grain).round().clamp(0, 255).to(torch.uint8)
