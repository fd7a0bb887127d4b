"""CLIP through open_clip: any of its models, by name and tag or by file, with the preprocessing that belongs to it."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors import SafetensorError

from dprdm.demo import DEMO
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.types import Embeddings

DEMO_MODEL = "dprdm_demo_clip"


class ClipEncoder(Encoder):
    """Images and captions to unit vectors.

    Args:
        model: a model that open_clip knows (`ViT-B-16-quickgelu`), or the path of a model config (.json).
        pretrained: a tag of that model (`metaclip_400m`), or the path of a checkpoint. None: the demo's own weights for
            the demo's model, an error for any other.
        device: where it runs.
        batch_size: how many images or captions it takes at once. Of images it always takes so many.
    """

    def __init__(
        self,
        model: str = DEMO_MODEL,
        pretrained: str | None = None,
        device: str = "cpu",
        batch_size: int = 32,
    ) -> None:
        if pretrained is None:
            if model != DEMO_MODEL:
                raise UserError(f"Expected weights for the encoder {model}. Name a tag or a file with pretrained.")
            pretrained = str(DEMO / "encoder.safetensors")
        self.model_name, self.pretrained = model, pretrained
        self.device, self.batch_size = device, batch_size
        self.model, self.preprocess = create_clip(model, pretrained)
        self.model.to(device).eval()
        self.tokenize = open_clip.get_tokenizer(architecture_name(model))
        # What makes two encoders the same: stored in every index, compared before every search.
        self.identity = {
            "model": architecture_name(model),
            "weights_sha256": _hash_weights(self.model),
            "preprocess_sha256": _hash_json(self.model.visual.preprocess_cfg),
        }

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.model.visual.output_dim)

    @torch.inference_mode()
    def images(self, images: Iterable[Image.Image]) -> Embeddings:
        """Unit vectors (image, dim), float32. Of the images, one is in memory at a time; of their pixels, a batch.

        A vector depends on its image alone. A matrix product of another size may round otherwise, so that with smaller last
        batches one image more would move the vectors of others: the network is always given batch_size images, with blank
        ones beside the last.

        Guarantee:
            - One image less changes no other's vector
              (tests/encoders/test_clip.py::test_hazard_07_vectors_are_per_image).
        """
        return self._batched(images, self._image_batch)

    @torch.inference_mode()
    def texts(self, captions: Sequence[str]) -> Embeddings:
        """Unit vectors (caption, dim), float32. For prompts: the last bits may depend on the captions beside."""
        return self._batched(captions, self._text_batch)

    def _image_batch(self, images: Iterable[Image.Image]) -> torch.Tensor:
        pixels = torch.stack([self.preprocess(image.convert("RGB")) for image in images])
        blank = pixels.new_zeros(self.batch_size - len(pixels), *pixels.shape[1:])
        given = torch.cat([pixels, blank]).to(self.device)
        return self.model.encode_image(given, normalize=True)[: len(pixels)]

    def _text_batch(self, captions: Iterable[str]) -> torch.Tensor:
        return self.model.encode_text(self.tokenize(list(captions)).to(self.device), normalize=True)

    def _batched(self, items: Iterable[Any], encode: Callable[[Iterable[Any]], torch.Tensor]) -> Embeddings:
        vectors, rest = [np.zeros((0, self.dim), np.float32)], iter(items)
        for first in rest:
            chunk = itertools.chain([first], itertools.islice(rest, self.batch_size - 1))
            vectors.append(encode(chunk).float().cpu().numpy())
        return np.concatenate(vectors)


def architecture_name(model: str) -> str:
    """The name under which open_clip knows `model`, registering it first if it is the demo's or a config file."""
    path = DEMO / f"{DEMO_MODEL}.json" if model == DEMO_MODEL else Path(model)
    if path.suffix == ".json":
        if not path.is_file():
            raise UserError(f"Expected an open_clip model config at {path}, and there is none.")
        open_clip.add_model_config(path)
        return path.stem
    if model not in open_clip.list_models() and not model.startswith("hf-hub:"):
        raise UserError(f"Expected a model that open_clip knows, not {model!r}. `open_clip.list_models()` lists them.")
    return model


def create_clip(model: str, pretrained: str | None) -> tuple[Any, Any]:
    """The network and its own preprocessing for inference. `pretrained` None: randomly initialised."""
    name = architecture_name(model)
    if pretrained is not None:
        tags = open_clip.list_pretrained_tags_by_model(name)
        if pretrained not in tags and not Path(pretrained).is_file() and not name.startswith("hf-hub:"):
            known = f"its tags are {', '.join(tags)}" if tags else "it has no tags"
            raise UserError(f"Expected pretrained={pretrained} to be a file or a tag of {name}; {known}.")
    try:
        network, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=pretrained)
    except (SafetensorError, UnpicklingError, RuntimeError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"Expected weights of {name} in {pretrained}; loading them failed: {reason}") from error
    return network, preprocess


def _hash_weights(network: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(json.dumps(list(tensor.shape)).encode())
        digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return digest.hexdigest()


def _hash_json(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
