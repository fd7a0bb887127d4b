"""Rows that were measured are not measured again: files named by a hash of the images and of all that measures them."""

import dataclasses
import functools
import hashlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dprdm.diffusion.shapes import Pixels
from dprdm.files import hash_file, write_text
from dprdm.metrics.evaluation import Evaluation
from dprdm.metrics.metric import Metric
from dprdm.runs.results import Results, Row, Setting, Status
from dprdm.runs.run_reader import RenderedRun

VERSION = 2  # to be raised when what several metrics share changes its numbers


@dataclass(frozen=True)
class ImageSet:
    """Images to measure.

    Args:
        name: of the row.
        images: all of one shape.
        prompts: what each was to show, or shows.
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
        """Read the images of a rendered run."""
        return cls(name, torch.from_numpy(run.images()), tuple(run.prompts), run.status, run.settings)


def cached_row(evaluation: Evaluation, images: ImageSet, folder: Path) -> tuple[Row, bool]:
    """Return the row of these images, and whether it was measured before.

    Args:
        evaluation: measures them.
        images: whose row.
        folder: of the rows that were measured, a file each.
    """
    file = folder / f"{_key(evaluation, images)}.json"
    if file.is_file():
        row = Results.load(file).rows[0]
        return dataclasses.replace(row, name=images.name, status=images.status, settings=images.settings), True
    row = evaluation.row(images.name, images.images, images.prompts, images.status, images.settings)
    result = Results("test", "One row", "", (row,), quantities=evaluation.quantities)
    write_text(file, json.dumps(dataclasses.asdict(result), allow_nan=False))
    return row, False


def _key(evaluation: Evaluation, images: ImageSet) -> str:
    """Return a hash of what decides the numbers: both sets of images, prompts, networks, metrics and options."""
    reference = evaluation.reference
    extractor, judge, encoder = reference.extractor, reference.judge, reference.encoder
    described = {
        "version": VERSION,
        "images": hash_tensor(images.images),
        "prompts": images.prompts,
        "real": hash_tensor(reference.images),
        "labels": "" if reference.labels is None else hash_tensor(reference.labels),
        "class_names": reference.class_names,
        "features": None if extractor is None else [extractor.name, extractor.weights_sha256, extractor.resize],
        "judge": None if judge is None else [judge.name, judge.weights_sha256, list(judge.class_names)],
        "encoder": None if encoder is None else encoder.identity,
        "metrics": [[metric.name, _hash_code(metric)] for metric in evaluation.metrics],
        "options": [reference.resamples, reference.reads_private, reference.conversion, reference.seed],
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]


def _hash_code(metric: Metric) -> str:
    """Return the SHA-256 of the file that a metric is in: whoever edits it wants new numbers."""
    compute = metric.compute
    while isinstance(compute, functools.partial):
        compute = compute.func
    try:
        file = inspect.getsourcefile(compute)
    except TypeError:  # an object that is called like a function, or a function of a library in C
        file = None
    return "" if file is None else hash_file(Path(file))


def hash_tensor(tensor: Tensor) -> str:
    """Return the SHA-256 of a tensor's shape and bytes."""
    return hashlib.sha256(str(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes()).hexdigest()


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each path: its last part, or as many of its last parts as tell them apart."""
    for depth in range(1, 1 + max(len(path.resolve().parts) for path in paths)):
        names = ["/".join(path.resolve().parts[-depth:]) for path in paths]
        if len(set(names)) == len(paths):
            return names
    return [str(path) for path in paths]
