"""Train a CLIP of one's own on public images and captions, with open_clip's own loss."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor

from dprdm.encoders.clip import architecture_name, create_clip, described_model
from dprdm.training.schedules import learning_rate_factor


class ContrastiveEncoder(L.LightningModule):
    """A CLIP trained on captions and, besides, on telling one image's two shifted copies from all others.

    The captions teach it the classes; the copies keep what captions leave out, such as how dark a garment is.

    Args:
        model: a model that open_clip knows, or the path of a model config (.json).
        prompts: the captions to choose among when validation scores it zero-shot.
        learning_rate: of AdamW, after a linear warm-up, falling along a cosine to zero.
        weight_decay: of AdamW, on matrices only.
        warmup_steps: length of the warm-up.
        copies_weight: weight of the loss over copies, that over captions being 1.
    """

    def __init__(
        self,
        model: str,
        prompts: Sequence[str] = (),
        learning_rate: float = 1e-3,
        weight_decay: float = 0.1,
        warmup_steps: int = 100,
        copies_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.clip, _ = create_clip(model, pretrained=None)
        self.tokenize = open_clip.get_tokenizer(architecture_name(model))
        self.loss = open_clip.ClipLoss()
        mean, std = self.clip.visual.image_mean, self.clip.visual.image_std
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Return unit vectors (image, dim) of uint8 pixels (image, 3, size, size)."""
        vectors: Tensor = self.clip.encode_image((pixels / 255 - self.mean) / self.std, normalize=True)
        return vectors

    def encode_texts(self, captions: Sequence[str]) -> Tensor:
        """Return unit vectors (caption, dim)."""
        vectors: Tensor = self.clip.encode_text(self.tokenize(list(captions)).to(self.device), normalize=True)
        return vectors

    def training_step(self, batch: dict[str, Any], _index: int) -> Tensor:
        """Return the loss over captions plus the loss over copies."""
        first, second = (self.encode_images(views) for views in batch["views"].unbind(1))
        scale = self.clip.logit_scale.exp().clamp(max=100)
        over_captions = self.loss(first, self.encode_texts(batch["caption"]), scale)
        over_copies = self.loss(first, second, scale)
        loss: Tensor = over_captions + self.hparams["copies_weight"] * over_copies
        self.log_dict({"train/loss": loss, "train/captions": over_captions, "train/copies": over_copies}, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Any], _index: int) -> None:
        """Log how often the caption nearest to an image, among `prompts`, is its own."""
        prompts = list(self.hparams["prompts"])
        scores = self.encode_images(batch["views"][:, 0]) @ self.encode_texts(prompts).T
        hits = [
            prompts[best] == caption for best, caption in zip(scores.argmax(1).tolist(), batch["caption"], strict=True)
        ]
        self.log("val/zero_shot", sum(hits) / len(hits), batch_size=len(hits), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Return AdamW and its schedule: warm-up, then cosine."""
        matrices = [p for p in self.clip.parameters() if p.ndim >= 2]
        others = [p for p in self.clip.parameters() if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": self.hparams["weight_decay"]},
            {"params": others, "weight_decay": 0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.hparams["learning_rate"])
        factor = functools.partial(
            learning_rate_factor,
            warmup=self.hparams["warmup_steps"],
            total=int(self.trainer.estimated_stepping_batches),
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def export(self, path: Path) -> None:
        """Write the weights in half precision, in the layout that open_clip loads by path, with the model's own config."""
        state = {name: tensor.detach().cpu().half().contiguous() for name, tensor in self.clip.state_dict().items()}
        save_file(state, path, metadata=described_model(architecture_name(self.hparams["model"])))
