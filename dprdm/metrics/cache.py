"""Rows that were measured once are not measured again: kept by a hash of the images and of all that they are measured by."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dprdm.diffusion.shapes import Pixels
from dprdm.files import write_text
from dprdm.metrics.evaluation import Evaluation
from dprdm.runs.results import Results, Row, Setting, Status
from dprdm.runs.run_reader import RenderedRun

VERSION = 1  # to be raised when a metric's definition changes


@dataclass(frozen=True)
class ImageSet:
    """Images to measure.

    Args:
        name: of the row.
        images: all of one shape.
        prompts: what each was asked to show, or shows.
        status: what covers them.
        settings: what they were made with.
    """

    name: str
    images: Pixels
    prompts: tuple[str, ...]
    status: Status
    settings: dict[str, Setting]

    @classmethod
    def of_run(cls, run: RenderedRun, name: str) -> "ImageSet":
        """The images of a rendered run."""
        return cls(name, torch.from_numpy(run.images()), tuple(run.prompts), run.status, run.settings)


def measured_once(evaluation: Evaluation, images: ImageSet, folder: Path) -> tuple[Row, bool]:
    """The row of these images, and whether it was there already.

    Args:
        evaluation: measures them.
        images: whose row.
        folder: where rows are kept, a file each.
    """
    file = folder / f"{_key(evaluation, images)}.json"
    if file.is_file():
        row = Results.load(file).rows[0]
        return dataclasses.replace(row, name=images.name, status=images.status, settings=images.settings), True
    row = evaluation.row_of_images(images.name, images.images, images.prompts, images.status, images.settings)
    kept = Results("test", "One row", "", (row,))
    write_text(file, json.dumps(dataclasses.asdict(kept), allow_nan=False))
    return row, False


def _key(evaluation: Evaluation, images: ImageSet) -> str:
    """A hash of what decides the numbers: both sets of images, prompts, networks and options."""
    judge, encoder = evaluation.judge, evaluation.encoder
    described = {
        "version": VERSION,
        "images": hash_tensor(images.images),
        "prompts": images.prompts,
        "real": hash_tensor(evaluation.images),
        "labels": "" if evaluation.labels is None else hash_tensor(evaluation.labels),
        "class_names": evaluation.class_names,
        "features": [evaluation.extractor.name, evaluation.extractor.weights_sha256, evaluation.extractor.resize],
        "judge": None if judge is None else [judge.name, judge.weights_sha256, list(judge.class_names)],
        "encoder": None if encoder is None else encoder.identity,
        "asked": [
            evaluation.metrics,
            evaluation.resamples,
            evaluation.reads_private,
            evaluation.conversion,
            evaluation.seed,
        ],
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]


def hash_tensor(tensor: Tensor) -> str:
    """SHA-256 of its shape and bytes."""
    return hashlib.sha256(str(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes()).hexdigest()


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """A name for each path: its last part, or as many of its last parts as tell them apart."""
    for depth in range(1, 1 + max(len(path.resolve().parts) for path in paths)):
        names = ["/".join(path.resolve().parts[-depth:]) for path in paths]
        if len(set(names)) == len(paths):
            return names
    return [str(path) for path in paths]
