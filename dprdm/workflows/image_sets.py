"""What `test` measures, and against what: run folders, other folders, and the sources that configs describe."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser

from dprdm import check
from dprdm.data.readers.folder import ImageFolder
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.metrics.cache import ImageSet
from dprdm.metrics.real import RealImages, read_real
from dprdm.registry import import_class
from dprdm.runs.results import Status
from dprdm.runs.run_folder import Run
from dprdm.runs.run_reader import RenderedRun

log = logging.getLogger(__name__)


def image_set(folder: Path, name: str, folders_are: Status) -> ImageSet:
    """The images of a run, or of any folder: there the prompt is the name of the sub-folder."""
    check.folder(run=folder)
    if Run(folder).samples.is_file():
        return ImageSet.of_run(RenderedRun(folder), name)
    read = read_real(ImageFolder(folder), None)
    prompts = _subfolders(ImageFolder(folder))
    return ImageSet(name, read.images, prompts, folders_are, {})


def _subfolders(folder: ImageFolder) -> tuple[str, ...]:
    """The name of the sub-folder that each image is in; its caption where it is in none."""
    keys = [folder.key(index) for index in range(len(folder))]
    return tuple(key.split("/")[-2] if "/" in key else folder.caption(place) for place, key in enumerate(keys))


def run_config(folder: Path) -> dict[str, Any]:
    """The resolved config that a run has left; empty if there is none."""
    file = Run(folder).config
    return yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file.is_file() else {}


def real_source(real: ImageSource | None, real_folder: Path | None, configs: list[dict[str, Any]]) -> ImageSource:
    """The real images that were named, else those of the first run's public source.

    Raises:
        UserError: if there are none.
    """
    if real is not None or real_folder is not None:
        return real if real is not None else ImageFolder(check.folder(real_folder=Path(str(real_folder))))
    for config in configs:
        if found := made(config.get("data", {}).get("init_args", {}).get("source")):
            log.info(
                "No real images named: compared with the public images that the generator was trained on (--real names others)."
            )
            return found
    raise UserError("Expected real images to compare with. Name them with --real or --real_folder.")


def made(described: Any) -> ImageSource | None:
    """The source that a config describes, if it can still be opened."""
    if not isinstance(described, dict):
        return None
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--source", type=ImageSource)
    try:
        return parser.instantiate_classes(parser.parse_object({"source": described})).source
    except (UserError, OSError, ValueError):
        return None


def run_encoder(configs: list[dict[str, Any]]) -> Encoder | None:
    """Return the encoder of the first run that names one."""
    for config in configs:
        described = config.get("data", {}).get("init_args", {}).get("encoder", {})
        if described.get("class_path"):
            encoder: Encoder = import_class(described["class_path"])(**(described.get("init_args") or {}))
            return encoder
    return None


def is_same(source: ImageSource, private: ImageSource | None) -> bool:
    """Whether two sources hold the same images, as far as their number and three of them show."""
    if private is None or len(source) != len(private):
        return False
    places = (0, len(source) // 2, len(source) - 1)
    return all(source.image(place).tobytes() == private.image(place).tobytes() for place in places)


def labelled(known: RealImages, real_folder: Path | None, source: ImageSource) -> RealImages:
    """Classes by sub-folder, where real images were given as a folder without captions."""
    if real_folder is None or known.labels is not None or not isinstance(source, ImageFolder):
        return known
    prompts = _subfolders(source)
    if len(prompts) != len(known.images) or "" in prompts:
        return known
    names = tuple(sorted(set(prompts)))
    labels = torch.tensor([names.index(prompt) for prompt in prompts])
    return dataclasses.replace(known, labels=labels, class_names=names)
