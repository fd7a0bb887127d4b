"""Stable Diffusion with an IP-Adapter as the generator: it draws from CLIP embeddings, and expects them without noise."""

from collections.abc import Sequence

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor
from torch.nn import functional

from dprdm import check
from dprdm.generation.pipeline import PipelineGenerator, generators, load_pipeline


class IpAdapterGenerator(PipelineGenerator):
    """A Stable Diffusion pipeline with an IP-Adapter, conditioned on released image embeddings.

    An adapter has no input for noise and was trained without any, so it draws from the released vector as if that were an
    image's: keep the noise small (large k), or take UnclipGenerator.

    Args:
        path: the pipeline: folder written by `save_pretrained`, or a hub id.
        adapter: the adapter's: a folder or a hub id, such as h94/IP-Adapter.
        embedding_norm: length of an image's embedding before normalisation, to which released vectors are brought.
        subfolder: of the adapter's weights.
        weight_name: file of the adapter's weights. Those of the plain kind only: it takes image embeddings.
        adapter_scale: weight of the image beside the text.
        steps: sampling steps, with the pipeline's own scheduler.
        guidance_scale: classifier-free guidance; 1 is none.
        reads_prompt: also give the pipeline the prompt as text; False gives it the empty text.

    Source: Ye et al. 2023.
    """

    def __init__(
        self,
        path: str,
        adapter: str,
        embedding_norm: float,
        subfolder: str = "models",
        weight_name: str = "ip-adapter_sd15.safetensors",
        adapter_scale: float = 1.0,
        steps: int = 50,
        guidance_scale: float = 7.5,
        reads_prompt: bool = True,
    ) -> None:
        parts = {
            "safety_checker": None,
            "requires_safety_checker": False,
            "image_encoder": None,
            "feature_extractor": None,
        }
        pipeline = load_pipeline(lambda source: StableDiffusionPipeline.from_pretrained(source, **parts), path)
        load_pipeline(
            lambda source: pipeline.load_ip_adapter(
                source, subfolder=subfolder, weight_name=weight_name, image_encoder_folder=None
            ),
            adapter,
        )
        pipeline.set_ip_adapter_scale(adapter_scale)
        super().__init__(pipeline, steps, guidance_scale, reads_prompt)
        self.embedding_norm, self.adapter_scale = check.positive(embedding_norm=embedding_norm), adapter_scale

    @property
    def embedding_dim(self) -> int:
        """What the adapter projects."""
        return int(self.pipeline.unet.encoder_hid_proj.image_projection_layers[0].image_embeds.in_features)

    def draw(self, vectors: Tensor, noise_std: Tensor, seeds: Sequence[int], texts: list[str]) -> Tensor:
        """Return images in [0, 1]. Guidance is against the zero embedding, as the adapter was trained."""
        embeddings = self.embedding_norm * functional.normalize(vectors, dim=1)[:, None].to(self.pipeline.unet.dtype)
        if self.guidance_scale > 1:
            embeddings = torch.cat([torch.zeros_like(embeddings), embeddings])
        images: Tensor = self.pipeline(
            prompt=texts,
            ip_adapter_image_embeds=[embeddings],
            num_inference_steps=self.steps,
            guidance_scale=self.guidance_scale,
            generator=generators(seeds),
            output_type="pt",
        ).images
        return images

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """Return the settings of the pipeline, the adapter's weight, and the length of an embedding."""
        adapter = {"adapter_scale": self.adapter_scale, "embedding_norm": self.embedding_norm}
        return {**super().settings(), **adapter}
