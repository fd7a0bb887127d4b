"""A generator, from an object, from a file of weights that says whose they are, or from a config."""

import json
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from dprdm import registry
from dprdm.diffusion.weights import read_metadata
from dprdm.errors import UserError
from dprdm.generation.generator import DESCRIPTION, Generator
from dprdm.resources import find_config, find_packaged
from dprdm.runs.old_configs import current_config


def load_generator(generator: Generator | Path | str) -> Generator:
    """Return a generator with its weights.

    Args:
        generator: the object itself; a file of weights that `fit` exported; a config (.yaml) with `model` and `weights`; or the
            short name of one that needs neither.
    Raises:
        UserError: if there is none, or the file does not say what network its weights are of.
    """
    if isinstance(generator, Generator):
        return generator
    if str(generator).endswith((".yaml", ".yml")):
        text = Path(find_config(str(generator))).read_text(encoding="utf-8")
        config = current_config(yaml.safe_load(text) or {})
        described, weights = config.get("model"), config.get("weights")
    elif str(generator) in registry.names("generator"):
        described, weights = str(generator), None
    else:
        weights = find_packaged(Path(generator))
        if not weights.is_file():
            raise UserError(
                f"Expected a generator: an object, a file of weights or a config; there is no file {generator}."
            )
        described = json.loads(read_metadata(weights).get(DESCRIPTION, "null"))
    if isinstance(described, str):
        described = {"class_path": described}
    if not isinstance(described, dict):
        raise UserError(
            f"Expected {generator} to say what network it is of, as files do that `fit` exports since version 0.5. Give the "
            "config that it was trained with, `model` and `weights`."
        )
    model = _instantiate(described)
    model.load_weights(None if weights is None else find_packaged(Path(weights)))
    return model


def _instantiate(described: dict[str, Any]) -> Generator:
    """Return the generator of this class path and these arguments."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--generator", type=Generator)
    described = {**described, "class_path": registry.class_path("generator", described.get("class_path"))}
    try:
        model: Generator = parser.instantiate_classes(parser.parse_object({"generator": described})).generator
    except (ArgumentError, TypeError, ValueError) as error:
        raise UserError(
            f"Expected a generator that can be made of {described}: {str(error).splitlines()[0]}"
        ) from error
    return model
