"""Networks small enough for tests, and networks whose answer is known."""

import torch

from dprdm.diffusion.network import ConditionedUNet, NetworkConfig

TINY = NetworkConfig(
    latent_size=8, latent_channels=2, condition_dim=8, widths=(16, 32), blocks=1, head_width=8, norm_groups=8
)


def tiny(seed: int = 0, **changes: object) -> ConditionedUNet:
    """A small network with random weights, its null condition included."""
    from dataclasses import replace

    torch.manual_seed(seed)
    network = ConditionedUNet(replace(TINY, **changes)).eval()
    torch.nn.init.normal_(network.null_condition)
    if network.query_mark is not None:
        torch.nn.init.normal_(network.query_mark)
    return network


def inputs(count: int, tokens: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents, times, conditions, noise levels."""
    draw = torch.Generator().manual_seed(count)
    latents = torch.randn(count, 2, 8, 8, generator=draw)
    condition = torch.randn(count, tokens, 8, generator=draw)
    return latents, torch.randint(0, 1000, (count,), generator=draw), condition, 0.1 * torch.rand(count, generator=draw)


class GaussianData(ConditionedUNet):
    """The best possible network for data N(0, scale^2 I): E[noise | x_t] = sqrt(1 - a) x_t / (a scale^2 + 1 - a)."""

    def __init__(self, alphas: torch.Tensor, scale: float) -> None:
        super().__init__(TINY)
        self.alphas, self.scale = alphas, scale

    def forward(self, latents, timesteps, condition, noise_std, keep=None):
        alpha = self.alphas[timesteps][:, None, None, None]
        return (1 - alpha).sqrt() * latents / (alpha * self.scale**2 + 1 - alpha)
