"""An encoder by the one string that names it everywhere."""

from dprdm import registry
from dprdm.encoders.encoder import Encoder


def load_encoder(name: str, device: str = "cpu") -> Encoder:
    """Return the encoder that `name` stands for.

    Args:
        name: a registered encoder, such as `demo`; MODEL/TAG of open_clip, such as `ViT-L-14/openai`; a file that `fit` has
            written; or whatever else `ClipEncoder` takes.
        device: where it runs, such as cpu or cuda.

    Raises:
        UnknownPlugin, UserError: if there is none, or it cannot be loaded.
    """
    encoder: Encoder = registry.create("encoder", name, device=device)
    return encoder
