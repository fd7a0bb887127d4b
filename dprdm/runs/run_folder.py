"""The folder that a run leaves behind, and the table of what it renders."""

import csv
import hashlib
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dprdm.errors import UserError
from dprdm.files import read_json, write_text, write_whole
from dprdm.guarantee.request import Request
from dprdm.types import Queries, Released


@dataclass(frozen=True)
class Sample:
    """One image to render."""

    file: str
    prompt: str
    release: int
    seed: int


@dataclass(frozen=True)
class Conditions:
    """What a generator draws from: safe to publish, needs neither the private data nor the encoder. All arrays are float32.

    Args:
        requests: one a row.
        queries: the vectors that were searched with.
        released: what the mechanism gave out.
        condition: what the network attends to: `released`, mixed with the query or with public neighbours.
        noise_std: per row, of the noise in `condition`.
        spread: directions (component, dim), each as long as its standard deviation, in which every image's condition is
            moved at random, so that images of one prompt vary as public ones do. None of them: they are not moved.
    """

    requests: tuple[Request, ...]
    queries: Queries
    released: Released
    condition: Released
    noise_std: np.ndarray
    spread: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def of_images(self, rows: Sequence[int], seeds: Sequence[int]) -> Released:
        """Return what the network attends to for each image: its row's condition, moved along `spread`.

        Args:
            rows: of each image.
            seeds: of each image; equal ones are moved alike.
        """
        condition: Released = self.condition[list(rows)]
        if not len(self.spread):
            return condition
        draws = [np.random.default_rng(seed).standard_normal(len(self.spread)) for seed in seeds]  # noqa: TID251 - public
        moved: Released = condition + (np.stack(draws) @ self.spread).astype(condition.dtype)
        return moved

    def to_bytes(self) -> bytes:
        """Return the content of a safetensors file."""
        tensors = {
            "queries": self.queries,
            "released": self.released,
            "condition": self.condition,
            "noise_std": self.noise_std,
            **({"spread": self.spread} if len(self.spread) else {}),
        }
        tensors = {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}
        metadata = {
            "prompts": json.dumps([request.prompt for request in self.requests]),
            "releases": json.dumps([request.replicate for request in self.requests]),
        }
        return bytes(save(tensors, metadata))

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        content = self.to_bytes()
        write_whole(path, lambda file: file.write_bytes(content))

    def fingerprint(self) -> str:
        """Hash all that a network may attend to (SHA-256), so that images of two releases are never mixed."""
        arrays = (self.condition, self.noise_std, self.queries, self.spread)
        return hashlib.sha256(b"".join(np.asarray(array, "<f4").tobytes() for array in arrays)).hexdigest()

    @classmethod
    def load(cls, path: Path) -> "Conditions":
        """Read a file. Raises UserError if it is missing or damaged."""
        if not path.is_file():
            raise UserError(f"Expected a conditions file at {path}, and there is none. `predict` writes one.")
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata()
                prompts, releases = json.loads(metadata["prompts"]), json.loads(metadata["releases"])
                names = ("queries", "released", "condition", "noise_std", *({"spread"} & set(file.keys())))
                tensors = {name: file.get_tensor(name) for name in names}
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"Expected conditions in {path}; the file is damaged ({error}).") from error
        return cls(tuple(map(Request, prompts, releases)), **tensors)


class Run:
    """A run's folder and the files in it.

    Args:
        folder: `runs/<name>`.
    """

    CONDITIONS = "conditions.safetensors"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conditions = folder / self.CONDITIONS
        self.samples = folder / "samples.csv"
        self.config = folder / "config.yaml"
        self.rendering = folder / "rendering.json"
        self.certificate = folder / "certificate.json"
        self.grid = folder / "grid.png"
        self.grids = folder / "grids"

    def require_settings(self, settings: Mapping[str, Any]) -> str | None:
        """Return the fingerprint of the conditions that images here were drawn from; None where there are no images.

        Raises:
            UserError: if there are images of other settings here: those of two are never mixed in one folder.
        """
        earlier: dict[str, Any] = read_json(self.rendering) if self.rendering.exists() else {}
        differing = [name for name, value in settings.items() if earlier.get(name, value) != value]
        if "request" in differing:
            raise UserError(f"{self.folder} holds another request's images. Give this run another --name.")
        if differing:
            raise UserError(
                f"{self.folder} holds images of other settings (differs in {', '.join(differing)}). "
                "Give this run another --name."
            )
        return earlier.get("conditions")

    def write_samples(self, samples: list[Sample]) -> None:
        """Write the table of images, whole or not at all."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([field.name for field in fields(Sample)])
        writer.writerows(map(astuple, samples))
        write_text(self.samples, buffer.getvalue())

    def read_config(self) -> dict[str, Any]:
        """Return the resolved config; empty if there is none.

        Raises:
            UserError: if it is damaged.
        """
        if not self.config.is_file():
            return {}
        try:
            content = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"Expected a config in {self.config}; the file is damaged.") from error
        return content if isinstance(content, dict) else {}

    def remove_images(self) -> None:
        """Remove images and grids, because what they were drawn from was released anew."""
        for images in (self.folder / "images", self.grids):
            shutil.rmtree(images, ignore_errors=True)

    def missing(self, samples: list[Sample]) -> Iterator[int]:
        """Return the positions of the samples whose image is not there yet."""
        return (position for position, sample in enumerate(samples) if not (self.folder / sample.file).exists())


def list_samples(requests: tuple[Request, ...], images_per_release: int, seed: int) -> list[Sample]:
    """List every image of a run, each with a seed of its own that depends on nothing but what the image is."""
    samples, slugs = [], {request.prompt: prompt_slug(request.prompt) for request in requests}
    for request in requests:
        for copy in range(images_per_release):
            text = json.dumps([request.prompt, request.replicate, copy, seed])
            number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
            file = f"images/{slugs[request.prompt]}/{request.replicate:05d}-{copy:03d}.png"
            samples.append(Sample(file, request.prompt, request.replicate, number))
    return samples


def prompt_slug(prompt: str) -> str:
    """Return a file name for a prompt: its words, and a digest that keeps two prompts of the same words apart."""
    words = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:40]
    return f"{words}-{hashlib.sha256(prompt.encode()).hexdigest()[:6]}"
