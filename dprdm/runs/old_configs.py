"""Configs that runs of version 0.4 have left, as they read now."""

import copy
from collections.abc import Mapping
from typing import Any

from dprdm.registry import current_path

CLIP_ENCODER, DEMO_ENCODER = "dprdm.encoders.clip.ClipEncoder", "dprdm.demo.encoder.DemoEncoder"
# Options of `predict` by the names that they had.
RENAMED = {"beside": "mix_with"}
FASHION_MNIST, PUBLIC_FASHION = "dprdm.data.fashion_mnist.FashionMnist", "dprdm.demo.fashion.PublicFashion"


def current_config(config: Any) -> Any:
    """Return a config in which class paths and options are those of this version; one of this version stays as it is.

    Modules have moved, an option has another name, and what was the demo's in two general classes is now in classes of the demo.

    Args:
        config: as YAML has it: dictionaries, lists, and plain values.
    """
    current = copy.deepcopy(config)
    if isinstance(current, dict):
        current = {RENAMED.get(name, name): value for name, value in current.items()}
    pending = [current]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending += part
        elif isinstance(part, dict):
            if isinstance(part.get("class_path"), str):
                part |= _current_part(part["class_path"], part)
            pending += part.values()
    return current


def _current_part(path: str, part: Mapping[str, Any]) -> dict[str, Any]:
    settings = dict(part.get("init_args") or {})
    if path == CLIP_ENCODER and settings.get("model") == "dprdm_demo_clip" and settings.get("pretrained") is None:
        return {**part, "class_path": DEMO_ENCODER, "init_args": _without(settings, "model", "pretrained")}
    if path == FASHION_MNIST and settings.get("split", "public") == "public":
        return {**part, "class_path": PUBLIC_FASHION, "init_args": _without(settings, "split")}
    return {**part, "class_path": current_path(path)}


def _without(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}
