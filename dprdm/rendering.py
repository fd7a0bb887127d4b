"""Conditions to images on disk. Post-processing: restartable, shardable, free, and blind to private data."""

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from dprdm.files import write_whole
from dprdm.runs import Conditions, Run, Sample

Item = dict[str, Any]


class SampleItems(Dataset[Item]):
    """Item i: `condition` (token, dim), `noise_std`, `seed`, `prompt`, and `position`, the sample's place in the table.

    Args:
        conditions: what to render.
        samples: every image of the run.
        positions: those of them to render.
    """

    def __init__(self, conditions: Conditions, samples: list[Sample], positions: list[int]) -> None:
        self.conditions, self.samples, self.positions = conditions, samples, positions
        self.row_of = {(r.prompt, r.release): row for row, r in enumerate(conditions.requests)}

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, item: int) -> Item:
        sample = self.samples[self.positions[item]]
        row = self.row_of[sample.prompt, sample.release]
        return {
            "condition": torch.from_numpy(self.conditions.condition[row : row + 1].copy()),
            "noise_std": torch.tensor(self.conditions.noise_std[row]),
            "seed": torch.tensor(sample.seed),
            "prompt": sample.prompt,
            "position": self.positions[item],
        }


class ImageWriter(L.Callback):
    """Writes each image to the file that its sample names, whole or not at all, as soon as it is drawn.

    Args:
        run: the folder.
        samples: every image of the run.
    """

    def __init__(self, run: Run, samples: list[Sample]) -> None:
        self.run, self.samples = run, samples

    def on_predict_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Item,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the batch."""
        for pixels, position in zip(outputs.cpu().numpy(), batch["position"].tolist(), strict=True):
            write_png(self.run.folder / self.samples[position].file, pixels)


def render(
    trainer: L.Trainer,
    model: L.LightningModule,
    run: Run,
    conditions: Conditions,
    samples: list[Sample],
    batch_size: int,
) -> int:
    """Draw the images of `samples` that are not there yet, and return how many that were."""
    positions = list(run.missing(samples))
    if positions:
        loader = DataLoader(SampleItems(conditions, samples, positions), batch_size)
        trainer.callbacks.append(ImageWriter(run, samples))  # type: ignore[attr-defined]
        trainer.predict(model, loader, return_predictions=False)
    return len(positions)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (channel, height, width) uint8 as a grey or RGB PNG."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
    write_whole(path, lambda file: image.save(file, format="PNG"))
