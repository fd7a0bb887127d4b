"""From vectors to what the network attends to: at training from public neighbours, at prediction from a release."""

import torch
from torch import Tensor

from dprdm.diffusion.shapes import Condition, NoiseStd
from dprdm.types import Queries, Released


def train_condition(
    neighbours: Tensor, max_noise_std: float, is_aggregated: bool = True, generator: torch.Generator | None = None
) -> tuple[Condition, NoiseStd]:
    """Public neighbours to a condition as noisy as a private release may be.

    condition = (1/k) * sum_i n_i + s * z,  z ~ N(0, I),  s ~ U(0, max_noise_std], one s an image.

    Args:
        neighbours: (image, k, dim), unit norm; missing ones are zero rows.
        max_noise_std: largest standard deviation of the noise, per coordinate.
        is_aggregated: False attends to the k neighbours one by one (the paper's RDM-fb).
        generator: of the noise. None: torch's global one; this is public data.

    Source: DP-RDM, section on adaptation. The paper draws one s for a whole batch.
    """
    vectors = neighbours.mean(1, keepdim=True) if is_aggregated else neighbours
    device = vectors.device
    noise_std = max_noise_std * (1 - torch.rand(len(vectors), generator=generator, device=device))  # noqa: TID251
    noise = torch.randn(vectors.shape, generator=generator, device=device)  # noqa: TID251
    return vectors + noise_std[:, None, None] * noise, noise_std


def mix(released: Released, beside: Queries, private_weight: float) -> Released:
    """private_weight * released + (1 - private_weight) * beside.

    Args:
        released: vectors that a mechanism gave out.
        beside: the query vectors, or the means of public neighbours.
        private_weight: in [0, 1]; the paper's lambda.

    Source: DP-RDM, query interpolation.
    """
    return private_weight * released + (1 - private_weight) * beside
