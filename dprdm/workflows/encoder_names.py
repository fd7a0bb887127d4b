"""An encoder is named by one string everywhere: `demo`, `ViT-L-14/openai`, a file of weights that `fit` has written."""

from typing import Any

from dprdm import registry
from dprdm.encoders.encoder import Encoder
from dprdm.encoders.naming import names_clip, split_name
from dprdm.errors import UnknownPlugin


def describe_encoder(name: str) -> dict[str, Any]:
    """Return the class path and the settings of the encoder that `name` stands for. Loads nothing but its module.

    Args:
        name: a registered encoder, as in `dprdm.encoders`; a full class path; or a name that `ClipEncoder` takes.

    Raises:
        UnknownPlugin: if it is none of these; the sentence lists what there is.
        UserError: if a file that is named is missing.
    """
    if name not in registry.names("encoder") and names_clip(name):
        split_name(name)
        return {"class_path": registry.class_path("encoder", "clip"), "init_args": {"model": name}}
    try:
        return {"class_path": registry.class_path("encoder", name), "init_args": {}}
    except UnknownPlugin as error:
        raise UnknownPlugin(
            f"{error} A CLIP of open_clip's is MODEL/TAG, such as ViT-L-14/openai; one that `fit` has trained is its file."
        ) from error


def load_encoder(name: str, device: str = "cpu") -> Encoder:
    """Return the encoder that `name` stands for.

    Args:
        name: as for `describe_encoder`.
        device: where it runs, such as cpu or cuda.

    Raises:
        UserError: if there is none, or it cannot be loaded.
    """
    described = describe_encoder(name)
    encoder: Encoder = registry.create("encoder", described["class_path"], device=device, **described["init_args"])
    return encoder
