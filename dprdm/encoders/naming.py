"""The one string that names a CLIP: its model and its weights. Read without loading either, or any network library."""

from pathlib import Path
from typing import Any

from dprdm.errors import UserError
from dprdm.resources import find_packaged

HUB = "hf-hub:"
WEIGHTS = frozenset({".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".npz"})


def names_clip(name: str) -> bool:
    """Return whether `name` can only be that of a CLIP: it holds a slash, or ends as a file does."""
    return "/" in name or Path(name).suffix in {".json", *WEIGHTS}


def describe_clip(name: str) -> dict[str, Any] | None:
    """Return the `ClipEncoder` that `name` stands for, as a config has it; None if it is no name of a CLIP.

    Raises:
        UserError: if a file that is named is missing.
    """
    if not names_clip(name):
        return None
    split_name(name)
    return {"class_path": "dprdm.encoders.clip.ClipEncoder", "init_args": {"model": name}}


def split_name(name: str) -> tuple[str, str | None]:
    """Return the model and the weights that `name` stands for.

    Args:
        name: MODEL/TAG or MODEL/FILE, where MODEL is one of open_clip's or the path of a model config (.json); FILE, weights
            that name their own model; `hf-hub:ORGANISATION/NAME`; or a model or a config alone.

    Returns:
        Both, or None for the weights where `name` does not say them. Of a file of weights, twice its path.

    Raises:
        UserError: if a file that is named is missing.
    """
    if name.startswith(HUB):
        return name, None
    if Path(name).suffix in WEIGHTS and _is_file(name):
        return name, name
    config, is_config, after = f"{name}/".partition(".json/")
    model, _, weights = (f"{config}.json", "", after[:-1]) if is_config else name.partition("/")
    if is_config and not _is_file(model):
        raise UserError(f"Expected an open_clip model config at {model}, and there is none.")
    if Path(weights).suffix in WEIGHTS and not _is_file(weights):
        missing = weights if is_config else f"{name}, or of {model} at {weights}"
        raise UserError(f"Expected weights of an encoder at {missing}; there is no such file.")
    return model, weights or None


def _is_file(path: str) -> bool:
    return find_packaged(Path(path)).is_file()
