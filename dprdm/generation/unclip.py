"""Stable unCLIP as the generator: it draws from CLIP embeddings that hold noise, and is told how much."""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import StableUnCLIPImg2ImgPipeline
from torch import Tensor

from dprdm import check
from dprdm.generation.pipeline import PipelineGenerator, generators, load_pipeline

# Of a released vector, beside which the noise is taken to be as large as the pipeline knows. Unit vectors' means are longer.
LEAST_SIGNAL = 0.1


class ReleasedUnclip(StableUnCLIPImg2ImgPipeline):  # type: ignore[misc]
    """The pipeline, for embeddings that are noisy already: it scales them as it would, and adds nothing."""

    def noise_image_embeddings(
        self, image_embeds: Tensor, noise_level: Any, noise: Tensor | None = None, generator: Any = None
    ) -> Tensor:
        """Return what the pipeline does at this level, with zero in the place of its noise."""
        scaled: Tensor = super().noise_image_embeddings(
            image_embeds, noise_level, torch.zeros_like(image_embeds), generator
        )
        return scaled


class UnclipGenerator(PipelineGenerator):
    """A pipeline of the kind of stabilityai/stable-diffusion-2-1-unclip, conditioned on released image embeddings.

    The pipeline was trained on y_t = sqrt(a_t) x + sqrt(1 - a_t) z, z ~ N(0, I), where x is an image's embedding less the
    normaliser's mean over its deviation, and t, the noise level, is an input. A release gives c = r + noise_std * z: that
    is y_t but for a factor, at the level t whose sqrt((1 - a_t) / a_t) is noise_std over the deviation. So c is scaled by
    sqrt(a_t), the pipeline is told t, and no noise is added to what has it already. First c is brought to the length the
    pipeline expects: the released mean r of unit vectors is shorter than 1, and |c|^2 - dim * noise_std^2 estimates |r|^2
    from what is released anyway.

    Args:
        path: folder written by `save_pretrained`, or a hub id.
        steps: sampling steps, with the pipeline's own scheduler.
        guidance_scale: classifier-free guidance; 1 is none.
        reads_prompt: also give the pipeline the prompt as text; False gives it the empty text.
        embedding_norm: length of an image's embedding before normalisation. None: the one at which the pipeline's
            normaliser makes unit variance.

    Source: Ramesh et al. 2022 (unCLIP); Rombach et al., Stable unCLIP.
    """

    def __init__(
        self,
        path: str,
        steps: int = 20,
        guidance_scale: float = 10.0,
        reads_prompt: bool = True,
        embedding_norm: float | None = None,
    ) -> None:
        pipeline = load_pipeline(ReleasedUnclip.from_pretrained, path)
        super().__init__(pipeline, steps, guidance_scale, reads_prompt)
        normalizer = pipeline.image_normalizer
        own_norm = float((normalizer.mean.square() + normalizer.std.square()).sum().sqrt())
        self.embedding_norm = check.positive(embedding_norm=own_norm if embedding_norm is None else embedding_norm)

    @property
    def embedding_dim(self) -> int:
        """Half of what the network takes beside the time: the other half is the noise level."""
        return int(self.pipeline.unet.config.projection_class_embeddings_input_dim) // 2

    def draw(self, vectors: Tensor, noise_std: Tensor, seeds: Sequence[int], texts: list[str]) -> Tensor:
        """Return images in [0, 1]; those of one noise level together."""
        embeddings, levels = self.as_pipeline_sees(vectors, noise_std)
        images: dict[int, Tensor] = {}
        for level in levels.unique().tolist():  # type: ignore[no-untyped-call]
            positions = (levels == level).nonzero()[:, 0].tolist()
            drawn = self.pipeline(
                prompt=[texts[position] for position in positions],
                image_embeds=embeddings[positions].to(self.pipeline.unet.dtype),
                noise_level=level,
                num_inference_steps=self.steps,
                guidance_scale=self.guidance_scale,
                generator=generators([seeds[position] for position in positions]),
                output_type="pt",
            ).images
            images.update(zip(positions, drawn, strict=True))
        return torch.stack([images[position] for position in range(len(seeds))])

    def as_pipeline_sees(self, vectors: Tensor, noise_std: Tensor) -> tuple[Tensor, Tensor]:
        """Return released vectors at the length of the pipeline's embeddings, and the noise level of each.

        Args:
            vectors: (image, dim), released.
            noise_std: per image, of the noise in them.
        """
        squared = vectors.square().sum(1) - vectors.shape[1] * noise_std.square()
        stretch = self.embedding_norm / squared.clamp(min=LEAST_SIGNAL**2).sqrt()
        deviation = self.pipeline.image_normalizer.std.square().mean().sqrt()
        return vectors * stretch[:, None], self.noise_levels(noise_std * stretch / deviation)

    def noise_levels(self, ratio: Tensor) -> Tensor:
        """Return, for each ratio of noise to signal, the level of the pipeline's noising schedule that is nearest to it."""
        signal = self.pipeline.image_noising_scheduler.alphas_cumprod.to(ratio.device)
        schedule = ((1 - signal) / signal).sqrt()
        levels: Tensor = (schedule.log() - ratio.clamp(min=1e-9).log()[:, None]).abs().argmin(1)
        return levels

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """Return the settings of the pipeline, and the length of an embedding."""
        return {**super().settings(), "embedding_norm": self.embedding_norm}
