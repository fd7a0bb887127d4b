"""The retrieval-conditioned diffusion model: trained on public images and their public neighbours alone."""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from safetensors.torch import save_file
from torch import Tensor

from dprdm import check
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.diffusion.first_stage import FirstStage, PixelBlocks
from dprdm.diffusion.network import ConditionedUNet, NetworkConfig
from dprdm.diffusion.sampler import sample
from dprdm.diffusion.schedule import ScheduleConfig, SolverName, denoising_loss
from dprdm.diffusion.shapes import Images, Pixels
from dprdm.diffusion.weights import read_metadata, read_weights
from dprdm.errors import UserError
from dprdm.generation.conditioning import DenoisedCondition, drop, train_condition, with_query
from dprdm.generation.generator import DESCRIPTION, Generator
from dprdm.training.schedules import learning_rate_factor


class RetrievalDiffusion(Generator):
    """A diffusion model that attends to the mean of an image's neighbours, and expects noise in it.

    Args:
        network: sizes of the network.
        schedule: the forward process.
        first_stage: images to latents. None: the pixels themselves.
        max_noise_std: largest noise, per coordinate, added to a training condition; the paper's RDM-adapt has 0.05.
        denoised_share: share of the training images whose condition passes through the public prior's denoiser, as the
            denoisers of `predict` do it; 0 is the paper's, and needs no captions.
        is_aggregated: attend to the mean of the neighbours; False to each of them (the paper's RDM-fb).
        condition_dropout: how often training sees the null condition, which guidance needs.
        query_dropout: of a network that reads queries: how often training withholds the query, so that it looks at what was
            retrieved too.
        learning_rate: of AdamW, after the warm-up.
        weight_decay: of AdamW.
        warmup_steps: length of the linear warm-up.
        is_decayed: let the learning rate fall to zero along a cosine by the last step; the paper keeps it constant.
        weights: to start from or to sample with: a file that `fit` exported, a diffusers folder, or a hub id. The layout must
            be the network's.
        solver: sampler; `dpm` is the fast one, `ddim` the paper's.
        steps: sampling steps.
        guidance_scale: classifier-free guidance; 1 is none.
        channels_last: keep a pixel's channels together in memory.
        compiled: compile the network with torch.compile at its first call.
        gradient_checkpointing: train in less memory, and a third more slowly.
    """

    def __init__(
        self,
        network: NetworkConfig,
        schedule: ScheduleConfig,
        first_stage: FirstStage | None = None,
        max_noise_std: float = 0.05,
        denoised_share: float = 0.0,
        is_aggregated: bool = True,
        condition_dropout: float = 0.1,
        query_dropout: float = 0.5,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.01,
        warmup_steps: int = 100,
        is_decayed: bool = False,
        weights: Path | None = None,
        solver: SolverName = "dpm",
        steps: int = 20,
        guidance_scale: float = 2.0,
        channels_last: bool = False,
        compiled: bool = False,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["first_stage", "weights"])
        self.network = ConditionedUNet(network)
        self.network.switch(channels_last, compiled, gradient_checkpointing)
        self.first_stage = first_stage if first_stage is not None else PixelBlocks(1)
        self.process = schedule.forward_process()
        self.schedule = schedule
        self.max_noise_std, self.is_aggregated = max_noise_std, is_aggregated
        self.denoised_share = check.in_range(0.0, 1.0, denoised_share=denoised_share)
        self.denoised: DenoisedCondition | None = None
        self.condition_dropout, self.query_dropout = condition_dropout, query_dropout
        self.learning_rate, self.weight_decay, self.warmup_steps = learning_rate, weight_decay, warmup_steps
        self.is_decayed = is_decayed
        self.solver: SolverName = solver
        self.steps, self.guidance_scale = steps, guidance_scale
        self.has_weights = False
        if weights is not None:
            self.load_weights(Path(weights))

    def setup(self, stage: str) -> None:
        """Fetch the public prior, where training conditions are denoised with it; see that queries are served, where read."""
        if self.network.config.reads_query and stage in {"fit", "validate"}:
            require_queries(self.trainer.datamodule)  # type: ignore[attr-defined]
        if self.denoised_share > 0 and stage in {"fit", "validate"}:
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            if not isinstance(data, NeighbourDataModule) or not data.serves_centres:
                raise UserError("Expected data with serves_centres: true, which denoised_share needs.")
            self.denoised = DenoisedCondition(data.prior(), self.denoised_share)

    def training_step(self, batch: Mapping[str, Tensor], _index: int) -> Tensor:
        """Return the denoising loss of images given their noisy neighbours."""
        loss = self.loss(batch)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def on_train_end(self) -> None:
        """Draw with what was trained, from now on."""
        self.has_weights = True

    def validation_step(self, batch: Mapping[str, Tensor], index: int) -> None:
        """Log the same loss on held-out public images, with the same draws at every epoch."""
        generator = torch.Generator(self.device).manual_seed(index)
        self.log("val/loss", self.loss(batch, generator), batch_size=len(batch["image"]), prog_bar=True, sync_dist=True)

    def render(
        self,
        condition: Tensor,
        noise_std: Tensor,
        seeds: Sequence[int],
        prompts: Sequence[str] = (),
        queries: Tensor | None = None,
    ) -> Pixels:
        """Draw one image per condition; the same (weights, condition, query, seed) gives the same image in any batch."""
        if self.network.config.reads_query:
            condition = with_query(condition, queries)
        latents = sample(
            self.network,
            self.schedule.solver(self.solver),
            condition,
            noise_std,
            seeds,
            self.steps,
            self.guidance_scale,
        )
        return to_pixels(self.first_stage.decode(latents))

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: torch.optim.Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Zero the gradients as Lightning does, then let the gradients go: it would keep them through the next forward pass."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        optimizer.zero_grad()

    def configure_optimizers(self) -> Any:
        """Return AdamW with linear warm-up, then constant or along a cosine."""
        optimizer = torch.optim.AdamW(self.network.parameters(), self.learning_rate, weight_decay=self.weight_decay)
        total = int(self.trainer.estimated_stepping_batches) if self.is_decayed else None
        factor = functools.partial(learning_rate_factor, warmup=self.warmup_steps, total=total)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def export(self, path: Path) -> None:
        """Write the network's weights in half precision: no optimiser, no hyperparameters; a private training stays stated."""
        self.export_tensors(self.network.state_dict(), path, self.weights_metadata)

    def export_tensors(self, tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
        """Write tensors of the network, by its names, in half precision, with what makes this generator again.

        Args:
            metadata: what the file says of itself besides.
        """
        state = {name: tensor.detach().cpu().half().contiguous() for name, tensor in tensors.items()}
        save_file(state, path, {**metadata, DESCRIPTION: json.dumps(self.describe())})

    def describe(self) -> dict[str, Any]:
        """Return class path and arguments, in plain values, that make a generator which draws the same with these weights."""
        stage = type(self.first_stage)
        return {
            "class_path": f"{RetrievalDiffusion.__module__}.{RetrievalDiffusion.__qualname__}",
            "init_args": {
                "network": asdict(self.network.config),
                "schedule": asdict(self.schedule),
                "first_stage": {
                    "class_path": f"{stage.__module__}.{stage.__qualname__}",
                    "init_args": self.first_stage.init_args(),
                },
                "max_noise_std": self.max_noise_std,
                "is_aggregated": self.is_aggregated,
                **self.settings(),
            },
        }

    def fingerprint(self) -> str:
        """Return SHA-256 of the weights in use, so that images of two networks are never mixed."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """Return the settings of the sampler."""
        return {"solver": self.solver, "steps": self.steps, "guidance_scale": self.guidance_scale}

    def load_weights(self, path: Path | None) -> None:
        """Read weights; None: those that it has. Raises UserError if they are missing, damaged, or of another network."""
        if path is None:
            if self.has_weights:
                return
            raise UserError(
                "Expected the generator's weights. Train them with `fit`, then name the file with --weights."
            )
        state = read_weights(path, self.network.config)
        self.weights_metadata, self.weights_file = read_metadata(path), path if path.is_file() else None
        try:
            self.network.load_state_dict(state)
        except RuntimeError as error:
            reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
            raise UserError(f"Expected weights of this network in {path}; loading them failed: {reason}") from error
        self.has_weights = True

    def loss(self, batch: Mapping[str, Tensor], generator: torch.Generator | None = None) -> Tensor:
        """Return the mean denoising loss of a batch: `image`, `neighbours` and, if read, `query`."""
        latents = self.first_stage.encode(to_images(batch["image"]))
        condition, noise_std = train_condition(batch["neighbours"], self.max_noise_std, self.is_aggregated, generator)
        if self.denoised is not None:
            condition, noise_std = self.denoised.apply(
                batch["neighbours"], batch["centre"], condition, noise_std, generator
            )
        if self.network.config.reads_query:
            withheld = self.query_dropout if self.training else 0.0
            condition = with_query(condition, drop(batch["query"], withheld, generator))
        dropout = self.condition_dropout if self.training else 0.0
        return denoising_loss(self.network, self.process, latents, condition, noise_std, dropout, generator)


def require_queries(data: object) -> None:
    """Raise UserError unless these training data serve queries."""
    if not getattr(data, "serves_queries", False):
        raise UserError("Expected data with serves_queries: true, which a network with reads_query needs.")


def to_images(pixels: Pixels) -> Images:
    """Map uint8 to [-1, 1]."""
    return pixels.float() / 127.5 - 1


def to_pixels(images: Images) -> Pixels:
    """Turn [-1, 1] into uint8, rounded."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
