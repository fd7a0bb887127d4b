"""What `fit`, `validate`, `predict` and `render` are called with: their defaults, and options that would have no effect.

One config serves all of them. So a config may hold options that a command has no use for; the command line may not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dprdm import check
from dprdm.cli.argv import Arguments, names_config, read_arguments, read_config
from dprdm.cli.commands import COMMANDS, program
from dprdm.cli.ineffective import refuse_misplaced
from dprdm.errors import UserError
from dprdm.training.ranks import is_first_process

DEMO_CONFIG = "demo.yaml"
# The paper's.
PLUGINS = {"mechanism": "gaussian", "retriever": "exact", "denoiser": "none"}


def read_trainer_arguments(name: str, words: Sequence[str]) -> Arguments:
    """Return what one of these commands was called with.

    Raises:
        UserError: for what the sources alone know to be wrong. `require_usable` tries the rest.
    """
    base: dict[str, Mapping[str, Any]] = {"": PLUGINS}
    if name == "render":
        base |= _config_beside(words)
    elif name == "predict" and not names_config(words):
        base[DEMO_CONFIG] = read_config(DEMO_CONFIG)
    arguments = read_arguments(COMMANDS[name], words, base)
    tree = arguments.settings.tree
    if arguments.is_question:
        return arguments
    if not {"model", "data"} <= tree.keys():
        raise UserError(
            f"Expected --config, which describes model and data, such as `{program()} {name} --config demo.yaml`."
        )
    refuse_misplaced(name, arguments.named, tree)
    if DEMO_CONFIG in base and is_first_process():
        print(f"No --config given: running the embedded demo (configs/{DEMO_CONFIG}).", flush=True)
    return arguments


def _config_beside(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of `render FILE`: the config that the release left beside the file, unless one is named."""
    if not words or words[0].startswith("-"):
        raise UserError(f"Expected a conditions file: {program()} render runs/NAME/conditions.safetensors")
    config = check.file(conditions=Path(words[0])).parent / "config.yaml"
    if names_config(words):
        return {}
    if not config.is_file():
        raise UserError(f"Expected the run's config at {config}. Name a --config with the generator's settings.")
    # The name was that of the folder it was released in; images belong beside the file, wherever that is by now.
    content = read_config(str(config))
    content.pop("name", None)
    return {str(config): content}
