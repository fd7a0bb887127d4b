"""From vectors to what the network attends to: at training from public neighbours, at prediction from a release."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from dprdm.diffusion.shapes import Condition, NoiseStd
from dprdm.public.prior import PublicPrior, posterior
from dprdm.types import Queries, Released

# Least and largest noise of a training condition that is denoised: the largest drowns any neighbour mean.
LEAST_NOISE, LARGEST_NOISE = 0.005, 2.0


def train_condition(
    neighbours: Tensor, max_noise_std: float, is_aggregated: bool = True, generator: torch.Generator | None = None
) -> tuple[Condition, NoiseStd]:
    """Turn public neighbours into a condition as noisy as a private release may be.

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


def with_query(condition: Condition, queries: Tensor | None) -> Float[Tensor, "image token+1 dim"]:
    """Return the condition, and the query's vector as one more to attend to.

    Args:
        condition: (image, token, dim).
        queries: (image, dim), unit norm; zero where an image has none. None: no image has one.
    """
    last = torch.zeros_like(condition[:, :1]) if queries is None else queries[:, None].to(condition)
    return torch.cat([condition, last], 1)


def drop(queries: Tensor, probability: float, generator: torch.Generator | None = None) -> Tensor:
    """Return the queries (image, dim), each replaced by zero with this probability: the network learns to do without."""
    is_kept = torch.rand(len(queries), generator=generator, device=queries.device) >= probability  # noqa: TID251 - public
    return queries * is_kept[:, None]


@dataclass(frozen=True)
class DenoisedCondition:
    """Training conditions as a denoiser hands them on: the posterior mean, and how far off it is expected to be.

    condition = E[m | m + s * z, u],  z ~ N(0, I),  log s uniform; the network is told the expected error of this.

    Args:
        prior: of neighbour means m given a query u.
        share: of the images that are conditioned so; the others are as `train_condition` makes them.
    """

    prior: PublicPrior
    share: float

    def apply(
        self,
        neighbours: Tensor,
        centre: Tensor,
        condition: Condition,
        noise_std: NoiseStd,
        generator: torch.Generator | None = None,
    ) -> tuple[Condition, NoiseStd]:
        """Return `condition` and `noise_std`, for a random `share` of the images replaced by their denoised counterparts.

        Args:
            neighbours: (image, k, dim), unit norm.
            centre: (image, dim), the expected neighbour mean of each image's caption.
        """
        means, error = self._denoised(neighbours.mean(1), centre, generator)
        chosen = torch.rand(len(means), generator=generator, device=means.device) < self.share  # noqa: TID251
        denoised = means[:, None].expand_as(condition)
        return torch.where(chosen[:, None, None], denoised, condition), torch.where(chosen, error, noise_std)

    def _denoised(self, means: Tensor, centre: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        uniform = torch.rand(len(means), generator=generator, device=means.device)  # noqa: TID251
        noise_std = LEAST_NOISE * (LARGEST_NOISE / LEAST_NOISE) ** uniform
        noise = torch.randn(means.shape, generator=generator, device=means.device)  # noqa: TID251
        basis, variances = (torch.from_numpy(part).to(means) for part in (self.prior.basis, self.prior.variances))
        noisy = means + noise_std[:, None] * noise
        denoised, error = posterior(noisy, centre, noise_std[:, None] ** 2, basis, variances)
        return denoised, error.sqrt()


def mix(released: Released, other: Queries, private_weight: float) -> Released:
    """Return private_weight * released + (1 - private_weight) * other.

    Args:
        released: vectors that a mechanism gave out.
        other: the query vectors, or the means of public neighbours.
        private_weight: in [0, 1]; the paper's lambda.

    Source: DP-RDM, query interpolation.
    """
    return private_weight * released + (1 - private_weight) * other
