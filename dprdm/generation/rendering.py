"""Conditions to images on disk. Post-processing: restartable, shardable, free, and blind to private data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from PIL import Image

from dprdm.files import write_whole
from dprdm.runs.run_folder import Conditions, Sample, list_samples

Batch = dict[str, Any]


@dataclass(frozen=True)
class RenderJob:
    """What is to be drawn, as one process decides it and tells the others.

    Args:
        folder: the run's; all processes see the same one.
        conditions: the file to draw from.
        images_per_release: images of each row.
        seed: of the run.
        batch_size: images drawn together.
        missing: positions, in the table of samples, of the images that are not there yet.
    """

    folder: Path
    conditions: Path
    images_per_release: int
    seed: int
    batch_size: int
    missing: tuple[int, ...]


class Batches(Sequence[Batch]):
    """One process's share of the batches: `condition` (image, token, dim), `noise_std`, `seed`, `prompt` (a list), `query`
    (image, dim), `position`.

    The table of samples is cut into batches once and for all, and a batch with a missing image is drawn whole. So an image
    is drawn with the same others by any number of processes, interrupted or not, and is the same to the last bit.

    Args:
        conditions: what to render.
        samples: every image of the run.
        batch_size: images drawn together.
        missing: positions, among the samples, of the images to draw.
        rank: of this process.
        world_size: number of processes.
    Attributes:
        num_images: in all of this process's batches.
    """

    def __init__(
        self,
        conditions: Conditions,
        samples: Sequence[Sample],
        batch_size: int,
        missing: Sequence[int],
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.conditions, self.samples = conditions, samples
        self.row_of = {(r.prompt, r.replicate): row for row, r in enumerate(conditions.requests)}
        numbers = sorted({position // batch_size for position in missing})[rank::world_size]
        starts = (number * batch_size for number in numbers)
        self.positions = [range(start, min(start + batch_size, len(samples))) for start in starts]
        self.num_images = sum(map(len, self.positions))

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, item: Any) -> Any:
        positions = self.positions[item]
        samples = [self.samples[position] for position in positions]
        rows = [self.row_of[sample.prompt, sample.release] for sample in samples]
        condition = self.conditions.of_images(rows, [sample.seed for sample in samples])
        return {
            "condition": torch.from_numpy(condition[:, None]),
            "noise_std": torch.from_numpy(self.conditions.noise_std[rows]),
            "seed": torch.tensor([sample.seed for sample in samples]),
            "prompt": [sample.prompt for sample in samples],
            "query": torch.from_numpy(self.conditions.queries[rows]),
            "position": torch.tensor(list(positions)),
        }


class RenderData(L.LightningDataModule):
    """Serves each process its share of a job that the first process decided on.

    Args:
        job: on the first process; the others may be given None.
        conditions: what to draw from, where it is at hand; the others read the job's file.
    """

    # A process may find that all that is missing fits the others.
    allow_zero_length_dataloader_with_multiple_devices = True

    def __init__(self, job: RenderJob | None, conditions: Conditions | None = None) -> None:
        super().__init__()
        self.job, self.conditions = job, conditions

    def setup(self, stage: str) -> None:
        """Learn what is missing: from the first process, because the others may look a moment later."""
        assert self.trainer is not None
        job: RenderJob = self.trainer.strategy.broadcast(self.job, src=0)  # type: ignore[assignment]
        conditions = self.conditions if self.conditions is not None else Conditions.load(job.conditions)
        self.missing, self.folder = frozenset(job.missing), job.folder
        self.samples = list_samples(conditions.requests, job.images_per_release, job.seed)
        ranks = self.trainer.global_rank, self.trainer.world_size
        self.batches = Batches(conditions, self.samples, job.batch_size, job.missing, *ranks)

    def predict_dataloader(self) -> Batches:
        """Return this process's batches."""
        return self.batches


class ImageWriter(L.Callback):
    """Writes each image to the file that its sample names, whole or not at all, as soon as it is drawn.

    The Trainer's data, a `RenderData`, name the files, and which are missing; those that are there are left alone.
    """

    def on_predict_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the batch."""
        data: RenderData = trainer.datamodule  # type: ignore[attr-defined]
        for pixels, position in zip(outputs.cpu().numpy(), batch["position"].tolist(), strict=True):
            if position in data.missing:
                write_png(data.folder / data.samples[position].file, pixels)


def draw(
    trainer: L.Trainer, model: L.LightningModule, job: RenderJob | None, conditions: Conditions | None = None
) -> None:
    """Draw what is missing, on all processes; return when the last of them is done.

    Args:
        trainer: says how many processes there are.
        model: draws.
        job: what to draw; None on a process that is told by the first.
        conditions: what to draw from, where it is at hand.
    """
    if job is not None and not job.missing:
        return
    data = RenderData(job, conditions)
    writer, callbacks = ImageWriter(), trainer.callbacks  # type: ignore[attr-defined]
    callbacks.append(writer)
    try:
        trainer.predict(model, datamodule=data, return_predictions=False)
    finally:
        callbacks.remove(writer)  # the next job of the same Trainer is another's
    trainer.strategy.barrier("rendered")


def to_picture(pixels: np.ndarray) -> Image.Image:
    """Return (channel, height, width) uint8 as a grey or RGB picture."""
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (channel, height, width) uint8 as a grey or RGB PNG."""
    picture = to_picture(pixels)
    write_whole(path, lambda file: picture.save(file, format="PNG"))
