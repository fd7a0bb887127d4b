"""What is measured, and against what: run folders, other folders, and the sources that the configs of runs describe."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser

from dprdm import check
from dprdm.data.readers.folder import ImageFolder
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.metrics.cache import ImageSet
from dprdm.metrics.real import RealImages, read_real
from dprdm.registry import import_class
from dprdm.runs.old_configs import current_config
from dprdm.runs.results import Status
from dprdm.runs.run_folder import Run
from dprdm.runs.run_reader import RenderedRun

log = logging.getLogger(__name__)
RunConfig = Mapping[str, Any]


def image_set(folder: Path, name: str, folders_are: Status) -> ImageSet:
    """Read the images of a run, or of any folder: there the prompt is the name of the sub-folder."""
    check.folder(run=folder)
    if Run(folder).samples.is_file():
        return ImageSet.of_run(RenderedRun(folder), name)
    source = ImageFolder(folder)
    return ImageSet(name, read_real(source, None).images, _subfolders(source), folders_are, {})


def run_config(folder: Path) -> RunConfig:
    """Read the resolved config that a run has left; empty if there is none."""
    config: RunConfig = current_config(Run(folder).read_config())
    return config


def public_source(configs: Sequence[RunConfig]) -> ImageSource:
    """Open the public images that the generator of the first run was trained on.

    Raises:
        UserError: if no run's config describes any.
    """
    for config in configs:
        if source := described_source(_data(config).get("source")):
            log.info(
                "No real images named: compared with the public images that the generator was trained on (--real names others)."
            )
            return source
    raise UserError("Expected real images to compare with. Name them with --real or --real_folder.")


def are_private(source: ImageSource, configs: Sequence[RunConfig]) -> bool:
    """Return whether images are the private ones of some run, as far as their number and three of them show."""
    privates = (described_source(config.get("private")) for config in configs)
    return any(private is not None and _is_same(source, private) for private in privates)


def run_encoder(configs: Sequence[RunConfig]) -> Encoder | None:
    """Open the encoder of the first run that names one; None if none does, or it can no longer be opened."""
    for config in configs:
        described = _data(config).get("encoder", {})
        if described.get("class_path"):
            try:
                encoder: Encoder = import_class(described["class_path"])(**(described.get("init_args") or {}))
            except (UserError, ImportError, AttributeError, TypeError) as error:
                log.info(
                    f"The encoder that the first run's config names cannot be opened ({error}); --encoder names another."
                )
                return None
            return encoder
    return None


def described_source(described: Any) -> ImageSource | None:
    """Open the source that a config describes; None if it can no longer be opened."""
    if not isinstance(described, dict):
        return None
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--source", type=ImageSource)
    try:
        source: ImageSource = parser.instantiate_classes(parser.parse_object({"source": described})).source
    except (UserError, OSError, ValueError):
        return None
    return source


def with_folder_labels(real: RealImages, source: ImageSource) -> RealImages:
    """Take sub-folders for the classes of a folder of images without captions; return other images as they are."""
    if real.labels is not None or not isinstance(source, ImageFolder):
        return real
    folders = _subfolders(source)
    if len(folders) != len(real.images) or "" in folders:
        return real
    names = tuple(sorted(set(folders)))
    labels = torch.tensor([names.index(folder) for folder in folders])
    return dataclasses.replace(real, labels=labels, class_names=names)


def _subfolders(folder: ImageFolder) -> tuple[str, ...]:
    """Return the name of the sub-folder that each image is in; its caption where it is in none."""
    keys = [folder.key(index) for index in range(len(folder))]
    return tuple(key.split("/")[-2] if "/" in key else folder.caption(index) for index, key in enumerate(keys))


def _is_same(source: ImageSource, other: ImageSource) -> bool:
    if len(source) != len(other):
        return False
    positions = (0, len(source) // 2, len(source) - 1)
    return all(source.image(position).tobytes() == other.image(position).tobytes() for position in positions)


def _data(config: RunConfig) -> RunConfig:
    """Return the arguments of a run's data module."""
    arguments: RunConfig = config.get("data", {}).get("init_args", {})
    return arguments
