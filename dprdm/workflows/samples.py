"""What a generator draws while it trains: the same prompts, the same seeds, every time it is validated."""

from collections.abc import Sequence
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from PIL import Image

from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.nearest_means import nearest_means
from dprdm.data.readers.source import ImageSource
from dprdm.figures.grid import grid
from dprdm.generation.model import RetrievalDiffusion
from dprdm.generation.rendering import write_png

MOST_PROMPTS = 8
MOST_CAPTIONS = 100  # read in search of prompts


class SampleGrids(L.Callback):
    """Write `samples/step-N.png` into the log folder at each validation, and show it where W&B or TensorBoard listen.

    Public throughout: a prompt's condition is the mean of its nearest public images. Stands after a callback that averages
    weights, if there is one, and then draws with their average.

    Args:
        prompts: what to draw; none: the first that the public data suggests, or has as captions.
        images: per prompt.
    """

    def __init__(self, prompts: Sequence[str] = (), images: int = 4) -> None:
        self.prompts, self.images = tuple(prompts), images

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw, on one process."""
        data, folder = trainer.datamodule, trainer.log_dir  # type: ignore[attr-defined]  # the latter asks all processes
        if trainer.sanity_checking or not trainer.is_global_zero or folder is None:
            return
        if not isinstance(pl_module, RetrievalDiffusion) or not isinstance(data, NeighbourDataModule):
            return
        prompts = self.prompts or suggested_prompts(data.source)
        if prompts:
            queries = data.encoder.texts(list(prompts))
            conditions = nearest_means(queries, data.public_store(), data.k)
            self._draw(trainer, pl_module, Path(folder) / "samples", prompts, np.stack([conditions, queries]))

    def _draw(
        self, trainer: L.Trainer, model: RetrievalDiffusion, out: Path, prompts: Sequence[str], vectors: np.ndarray
    ) -> None:
        """Write and show a grid; `vectors` (2, prompt, dim) are the prompts' conditions and their own vectors."""
        folder = out / f"step-{trainer.global_step:06d}"
        count, rows = self.images, []
        for number, prompt in enumerate(prompts):
            condition, query = torch.from_numpy(vectors[:, [number] * count]).to(model.device)
            clean = torch.zeros(count, device=model.device)
            pixels = model.render(condition[:, None], clean, list(range(count)), [prompt] * count, query)
            files = [folder / f"{number}-{copy}.png" for copy in range(count)]
            for file, image in zip(files, pixels.cpu().numpy(), strict=True):
                write_png(file, image)
            rows.append((prompt, files))
        picture = grid(rows)
        picture.save(folder.with_suffix(".png"))
        _show(trainer, picture)


def suggested_prompts(source: ImageSource) -> tuple[str, ...]:
    """Return the first few prompts that public data suggests, or captions that it has; empty if it has neither."""
    captions = (source.caption(index) for index in range(min(len(source), MOST_CAPTIONS)))
    prompts = tuple(source.prompts()) or tuple(dict.fromkeys(caption for caption in captions if caption))
    return prompts[:MOST_PROMPTS]


def _show(trainer: L.Trainer, picture: Image.Image) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_image("samples", [picture], trainer.global_step)
        elif isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image("samples", np.asarray(picture), trainer.global_step, dataformats="HWC")
