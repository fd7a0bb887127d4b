"""The denoising network: diffusers' UNet2DConditionModel, attending to the condition and told how noisy it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from dprdm.diffusion.shapes import Condition, Latents, NoiseStd, Timesteps


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network.

    Args:
        latent_size: side of the latents.
        latent_channels: channels of the latents.
        condition_dim: length of a condition vector: the encoder's.
        widths: channels of each level, from the largest resolution to the smallest.
        blocks: residual blocks a level.
        attention: whether each level attends to the condition. None: all do.
        head_width: channels of an attention head.
        heads: attention heads of every level, instead of a width. None: as many as head_width makes.
        norm_groups: groups of each group normalisation.
        condition_scale: condition vectors are multiplied by it; sqrt(condition_dim) gives them unit variance.
        knows_noise: tell the network the standard deviation of the noise in its condition.
        trains_null: learn the vector that stands for no condition; False: it is zero, as the paper's.
        reads_query: the last vector of a condition is the prompt's own, which is public; zero where there is no prompt.
    """

    latent_size: int = 64
    latent_channels: int = 3
    condition_dim: int = 512
    widths: Sequence[int] = (192, 384, 576, 960)
    blocks: int = 2
    attention: Sequence[bool] | None = None
    head_width: int = 32
    heads: int | None = None
    norm_groups: int = 32
    condition_scale: float = 1.0
    knows_noise: bool = True
    trains_null: bool = True
    reads_query: bool = False

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(channel, height, width) of one image's latents."""
        return self.latent_channels, self.latent_size, self.latent_size

    @property
    def vectors(self) -> tuple[str, ...]:
        """Names of the vectors (condition_dim,) that the network has beside its UNet."""
        return ("null_condition", "query_mark") if self.reads_query else ("null_condition",)


class ConditionedUNet(nn.Module):
    """A UNet that attends to condition vectors; a trained vector, or zero, stands for no condition.

    At the default sizes but for `attention=(False, True, True, True)`, `knows_noise=False` and `trains_null=False` it is the
    paper's, of 400.92 million parameters, tensor for tensor (compvis.py converts it). Knowing the noise adds 0.74 million.

    Args:
        config: its sizes.
    """

    null_condition: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = build_unet(config)
        null = torch.zeros(config.condition_dim)
        if config.trains_null:
            self.null_condition = nn.Parameter(null)
        else:
            self.register_buffer("null_condition", null)
        # Added to the query, to tell it from what was retrieved; attention does not see the order of what it attends to.
        self.query_mark = nn.Parameter(torch.zeros(config.condition_dim)) if config.reads_query else None

    def forward(
        self,
        latents: Latents,
        timesteps: Timesteps,
        condition: Condition,
        noise_std: NoiseStd,
        keep: Tensor | None = None,
    ) -> Latents:
        """Predict the noise or the velocity in `latents`.

        Args:
            latents: noisy latents.
            timesteps: one a latent, in [0, 1000).
            condition: vectors to attend to; the last is the query, if the network reads it.
            noise_std: of the noise in them.
            keep: (image,) bool; where False, the null condition is used instead. None: all are kept.
        """
        if self.query_mark is not None:
            condition = torch.cat([condition[:, :-1], condition[:, -1:] + self.query_mark.to(condition.dtype)], 1)
        if keep is not None:
            null = self.null_condition.to(condition.dtype).expand_as(condition)
            condition = torch.where(keep[:, None, None], condition, null)
            noise_std = noise_std * keep
        level = self._noise_level(noise_std) if self.config.knows_noise else None
        predicted: Tensor = self.unet(
            latents, timesteps, condition * self.config.condition_scale, class_labels=level
        ).sample
        return predicted

    def switch(self, channels_last: bool, compiled: bool, gradient_checkpointing: bool) -> None:
        """Trade memory for time, or the other way; names, values and gradients of the weights stay what they are.

        Args:
            channels_last: keep a pixel's channels together in memory, which convolutions may like better.
            compiled: let torch.compile fuse the network at its first call.
            gradient_checkpointing: compute activations anew in the backward pass instead of keeping them.
        """
        if channels_last:
            self.unet.to(memory_format=torch.channels_last)
        if compiled:
            self.unet.compile()
        if gradient_checkpointing:
            self.unet.enable_gradient_checkpointing()

    def _noise_level(self, noise_std: NoiseStd) -> Tensor:
        """Expected norm of the noise beside a signal of norm about 1, in thousandths: a scale for sinusoids."""
        level: Tensor = 1000 * noise_std * self.config.condition_dim**0.5
        return level


def build_unet(config: NetworkConfig) -> UNet2DConditionModel:
    """Return the diffusers network of these sizes."""
    attention = list(config.attention if config.attention is not None else [True] * len(config.widths))
    return UNet2DConditionModel(
        sample_size=config.latent_size,
        in_channels=config.latent_channels,
        out_channels=config.latent_channels,
        block_out_channels=tuple(config.widths),
        layers_per_block=config.blocks,
        down_block_types=tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(attention)),
        cross_attention_dim=config.condition_dim,
        # diffusers reads `attention_head_dim` as the number of heads of each level.
        attention_head_dim=tuple(config.heads or max(1, width // config.head_width) for width in config.widths),
        norm_num_groups=config.norm_groups,
        class_embed_type="timestep" if config.knows_noise else None,
    )
