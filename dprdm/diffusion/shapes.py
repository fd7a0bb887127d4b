"""Named shapes and units of the tensors of the public path."""

from typing import TypeAlias

from jaxtyping import Float, Int, UInt8
from torch import Tensor

# Images as the network's first stage sees them, in [-1, 1]; outside diffusion/ they are uint8.
Images: TypeAlias = Float[Tensor, "image channel height width"]
Pixels: TypeAlias = UInt8[Tensor, "image channel height width"]
# What the network denoises: the first stage's output.
Latents: TypeAlias = Float[Tensor, "image latent_channel latent_height latent_width"]
# What the network attends to: one or more vectors an image.
Condition: TypeAlias = Float[Tensor, "image token dim"]
# Standard deviation, per coordinate, of the noise that a condition holds.
NoiseStd: TypeAlias = Float[Tensor, "image"]
Timesteps: TypeAlias = Int[Tensor, "image"]
