"""What the pipelines share: loading, seeds, and what makes two of them the same."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from dprdm.diffusion.shapes import Pixels
from dprdm.errors import UserError
from dprdm.generation.generator import Generator


class PipelineGenerator(Generator):
    """A diffusers pipeline as a generator. Its weights are the pipeline's own.

    Args:
        pipeline: loaded.
        steps: sampling steps, with the pipeline's own scheduler.
        guidance_scale: classifier-free guidance; 1 is none.
        reads_prompt: also give the pipeline the prompt as text; False gives it the empty text.
    """

    def __init__(self, pipeline: Any, steps: int, guidance_scale: float, reads_prompt: bool) -> None:
        super().__init__()
        pipeline.set_progress_bar_config(disable=True)
        self.pipeline = pipeline
        modules = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
        self.parts = nn.ModuleDict(modules).eval().requires_grad_(False)  # so that a Trainer moves them
        self.steps, self.guidance_scale, self.reads_prompt = steps, guidance_scale, reads_prompt

    def configure_callbacks(self) -> list[L.Callback]:
        """Refuse a training: this is what a Trainer asks for first."""
        if self.trainer.state.fn != "predict":
            raise UserError(
                f"Expected `predict` or `render`: {type(self).__name__} is ready as it is, with nothing to train."
            )
        return []

    @torch.inference_mode()
    def render(
        self,
        condition: Tensor,
        noise_std: Tensor,
        seeds: Sequence[int],
        prompts: Sequence[str] = (),
        queries: Tensor | None = None,
    ) -> Pixels:
        """Draw one image per condition, with the prompt as text where it reads prompts."""
        if condition.shape[1:] != (1, self.embedding_dim):
            raise UserError(
                f"Expected conditions of one vector of {self.embedding_dim} numbers for this pipeline, got "
                f"{' x '.join(map(str, condition.shape[1:]))}. Index and ask with the pipeline's own image encoder."
            )
        texts = list(prompts) if self.reads_prompt and prompts else [""] * len(seeds)
        images = self.draw(condition[:, 0], noise_std, seeds, texts)
        return (images.float() * 255).round().clamp(0, 255).to(torch.uint8).cpu()

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """Length of the embeddings that the pipeline takes."""

    @abstractmethod
    def draw(self, vectors: Tensor, noise_std: Tensor, seeds: Sequence[int], texts: list[str]) -> Tensor:
        """Return images in [0, 1] for embeddings (image, dim)."""

    def load_weights(self, path: Path | None) -> None:
        """Load nothing; raise UserError if weights are named."""
        if path is not None:
            raise UserError(
                f"Expected no --weights for {type(self).__name__}: the pipeline brings its own. Leave it out."
            )

    def fingerprint(self) -> str:
        """Return SHA-256 of the weights of all parts, and of the scheduler's settings."""
        digest = hashlib.sha256(self.pipeline.scheduler.to_json_string().encode())
        for name, tensor in sorted(self.parts.state_dict().items()):
            digest.update(
                name.encode() + tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
            )
        return digest.hexdigest()

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """Return steps, guidance, and whether the prompt is read."""
        return {
            "solver": type(self.pipeline.scheduler).__name__,
            "steps": self.steps,
            "guidance_scale": self.guidance_scale,
            "reads_prompt": self.reads_prompt,
        }


def load_pipeline(load: Callable[[str], Any], path: str) -> Any:
    """Return `load(path)`. Raises UserError if there is no such pipeline, or a package is missing."""
    try:
        return load(path)
    except ImportError as error:
        raise UserError(
            "Expected the package transformers, which pipelines read text with: pip install 'dprdm[pipelines]'."
        ) from error
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"Expected a diffusers pipeline of the right kind at {path}; loading it failed ({reason}). "
            "Give a folder that `save_pretrained` wrote, or a hub id where there is internet."
        ) from error


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return one random generator an image, on the CPU, so that every device and every batch starts alike."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]
