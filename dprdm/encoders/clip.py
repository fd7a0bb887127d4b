"""CLIP through open_clip: any of its models, by name and tag or by file, with the preprocessing that belongs to it."""

import difflib
import hashlib
import itertools
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open

from dprdm.encoders.encoder import Encoder
from dprdm.encoders.naming import HUB, split_name
from dprdm.errors import UserError
from dprdm.resources import find_packaged
from dprdm.types import Embeddings

QUICK = "-quickgelu"


class ClipEncoder(Encoder):
    """A CLIP of open_clip's: images and captions to unit vectors.

    Args:
        model: MODEL/TAG, a model of open_clip and its weights (`ViT-L-14/openai`); MODEL/FILE, the weights being a file;
            MODEL being the path of a model config (.json) in either; FILE, weights that `fit` has written, which name their
            own model; or `hf-hub:ORGANISATION/NAME`. Alone, a model or a config, where `pretrained` names the weights.
        pretrained: a tag of the model, or the path of a checkpoint. None: what follows the model's name.
        device: where it runs.
        batch_size: how many images or captions it takes at once. Of images it always takes so many.

    Raises:
        UserError: if there is no such model, or no such weights, or they are of another model.
    """

    def __init__(self, model: str, pretrained: str | None = None, device: str = "cpu", batch_size: int = 32) -> None:
        self.model_name, self.pretrained = resolve_name(model) if pretrained is None else (model, pretrained)
        self.device, self.batch_size = device, batch_size
        self.model, self.preprocess = create_clip(self.model_name, self.pretrained)
        self.model.to(device).eval()
        self.tokenize = open_clip.get_tokenizer(architecture_name(self.model_name))
        self.identity = {
            "model": architecture_name(self.model_name),
            "weights_sha256": _hash_weights(self.model),
            "preprocess_sha256": _hash_json(self.model.visual.preprocess_cfg),
        }

    @property
    def dim(self) -> int:
        """Return the length of an embedding."""
        return int(self.model.visual.output_dim)

    @torch.inference_mode()
    def images(self, images: Iterable[Image.Image]) -> Embeddings:
        """Return unit vectors (image, dim), float32. Of the images, one is in memory at a time; of their pixels, a batch.

        A vector depends on its image alone. A matrix product of another size may round otherwise, so that with smaller last
        batches one image more would move the vectors of others: the network is always given batch_size images, with blank
        ones after the last.

        Guarantee:
            - One image less changes no other's vector
              (tests/encoders/test_clip.py::test_hazard_07_vectors_are_per_image).
        """
        return self._batched(images, self._image_batch)

    @torch.inference_mode()
    def texts(self, captions: Sequence[str]) -> Embeddings:
        """Return unit vectors (caption, dim), float32. For prompts: the last bits may depend on the other captions."""
        return self._batched(captions, self._text_batch)

    def _image_batch(self, images: Iterable[Image.Image]) -> torch.Tensor:
        pixels = torch.stack([self.preprocess(image.convert("RGB")) for image in images])
        blank = pixels.new_zeros(self.batch_size - len(pixels), *pixels.shape[1:])
        batch = torch.cat([pixels, blank]).to(self.device)
        vectors: torch.Tensor = self.model.encode_image(batch, normalize=True)
        return vectors[: len(pixels)]

    def _text_batch(self, captions: Iterable[str]) -> torch.Tensor:
        vectors: torch.Tensor = self.model.encode_text(self.tokenize(list(captions)).to(self.device), normalize=True)
        return vectors

    def _batched(self, items: Iterable[Any], encode: Callable[[Iterable[Any]], torch.Tensor]) -> Embeddings:
        vectors, rest = [np.zeros((0, self.dim), np.float32)], iter(items)
        for first in rest:
            chunk = itertools.chain([first], itertools.islice(rest, self.batch_size - 1))
            vectors.append(encode(chunk).float().cpu().numpy())
        return np.concatenate(vectors)


def resolve_name(name: str) -> tuple[str, str | None]:
    """Return the model and the weights that one name stands for, as open_clip takes them.

    A tag that was trained with QuickGELU belongs to the model's variant that has it: `ViT-L-14/openai` is
    `ViT-L-14-quickgelu` with the tag `openai`. open_clip would load the other one, and its vectors would be slightly wrong.

    Raises:
        UserError: if the weights are missing.
    """
    model, weights = split_name(name)
    if weights is None and not name.startswith(HUB):
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(architecture_name(model)))
        choice = f"{name}/TAG, with one of {tags}, or {name}/FILE" if tags else f"{name}/FILE"
        raise UserError(f"Expected weights for the encoder {name}. Name them after it: {choice}.")
    is_quick = weights is not None and open_clip.get_pretrained_cfg(model, weights).get("quick_gelu", False)
    return f"{model}{QUICK}" if is_quick and f"{model}{QUICK}" in open_clip.list_models() else model, weights


def architecture_name(model: str) -> str:
    """Return the name under which open_clip knows `model`, registering it first if it is a config or a file of weights.

    Raises:
        UserError: if there is no such model.
    """
    if model in open_clip.list_models() or model.startswith(HUB):
        return model
    path = find_packaged(Path(model))
    if path.suffix == ".json":
        if not path.is_file():
            raise UserError(f"Expected an open_clip model config at {path}, and there is none.")
        open_clip.add_model_config(path)
        return path.stem
    if path.is_file():
        return _register_model_of(path)
    nearest = difflib.get_close_matches(model, open_clip.list_models(), n=1)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else "`open_clip.list_models()` lists them."
    raise UserError(f"Expected a model that open_clip knows, not {model!r}. {hint}")


def create_clip(model: str, pretrained: str | None) -> tuple[Any, Any]:
    """Return the network and its own preprocessing for inference. `pretrained` None: randomly initialised.

    Raises:
        UserError: if there is no such model or weights, or the weights are of another model.
    """
    name = architecture_name(model)
    weights = pretrained
    if pretrained is not None:
        file = find_packaged(Path(pretrained))
        tags = open_clip.list_pretrained_tags_by_model(name)
        if pretrained not in tags and not file.is_file() and not name.startswith(HUB):
            choice = f"its tags are {', '.join(tags)}" if tags else "it has no tags"
            raise UserError(f"Expected pretrained={pretrained} to be a file or a tag of {name}; {choice}.")
        weights = pretrained if pretrained in tags else str(file)
    try:
        network, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=weights)
    except (SafetensorError, UnpicklingError, RuntimeError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"Expected weights of {name} in {pretrained}; loading them failed: {reason}") from error
    return network, preprocess


def described_model(name: str) -> dict[str, str]:
    """Return what a file of weights says of its model, so that the file alone is enough to load it."""
    return {"model": name, "model_config": json.dumps(open_clip.get_model_config(name))}


def _register_model_of(path: Path) -> str:
    """Make the model that a file of weights names known to open_clip, and return its name."""
    try:
        with safe_open(path, "pt") as stream:
            described = stream.metadata() or {}
    except (SafetensorError, OSError):
        described = {}
    if "model_config" not in described:
        raise UserError(
            f"Expected {path} to say which model its weights are of, as those that `fit` writes do. Name the model before "
            f"them: MODEL/{path}, MODEL being one of open_clip's or a model config (.json)."
        )
    name = str(described["model"])
    if open_clip.get_model_config(name) != json.loads(described["model_config"]):
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / f"{name}.json"
            config.write_text(described["model_config"], encoding="utf-8")
            open_clip.add_model_config(config)
    return name


def _hash_weights(network: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(json.dumps(list(tensor.shape)).encode())
        digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return digest.hexdigest()


def _hash_json(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
