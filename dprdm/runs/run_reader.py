"""A rendered run, read back: its images, the prompt of each, and what covers them. What evaluation starts from."""

import csv
import functools
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dprdm.errors import UserError
from dprdm.files import read_json
from dprdm.guarantee.certificate import Certificate, read_certificate
from dprdm.guarantee.statement import NON_PRIVATE, PRIVATE, PUBLIC_ONLY
from dprdm.runs.results import Setting, Status
from dprdm.runs.run_folder import Conditions, Run, Sample

STATUSES: dict[str, Status] = {PRIVATE: PRIVATE, NON_PRIVATE: NON_PRIVATE, PUBLIC_ONLY: "public"}
MECHANISM_FIELDS = ("k", "sampling_rate", "draws", "radius")


class RenderedRun:
    """What `predict` or `render` left in a folder.

    Args:
        folder: `runs/NAME`.

    Raises:
        UserError: if there is no run, no certificate, or not every image that the run lists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, Run(folder)
        if not self.run.samples.is_file():
            raise UserError(
                f"Expected a run folder at {folder}, as `predict` leaves one; it has no {self.run.samples.name}."
            )
        self.certificate: Certificate = read_certificate(folder)
        with self.run.samples.open(encoding="utf-8", newline="") as lines:
            self.samples = [
                Sample(row["file"], row["prompt"], int(row["release"]), int(row["seed"]))
                for row in csv.DictReader(lines)
            ]
        if missing := sum(1 for _ in self.run.missing(self.samples)):
            raise UserError(
                f"Expected {len(self.samples)} images in {folder}, and {missing} are missing. Run `predict` again: it goes on."
            )

    @property
    def prompts(self) -> list[str]:
        """The prompt of each image."""
        return [sample.prompt for sample in self.samples]

    @property
    def status(self) -> Status:
        """What covers the images."""
        return STATUSES[self.certificate.status]

    @property
    def is_uncovered(self) -> bool:
        """Whether no guarantee covers the images."""
        return self.status == NON_PRIVATE

    def images(self) -> UInt8[np.ndarray, "image channel height width"]:
        """Read all images: grey with one channel, in colour with three."""
        return np.stack([_pixels(self.folder / sample.file) for sample in self.samples])

    def conditions(self) -> Conditions:
        """Read what the images were drawn from, if it is still in the folder."""
        return Conditions.load(self.run.conditions)

    @functools.cached_property
    def settings(self) -> dict[str, Setting]:
        """What the run was made with, by the names of `Row.settings`."""
        certificate, mechanism = self.certificate, self.certificate.mechanism
        rendering = read_json(self.run.rendering) if self.run.rendering.exists() else {}
        return {
            "mechanism": mechanism["name"],
            "retriever": certificate.retriever["name"],
            "epsilon": 0.0 if self.status == "public" else certificate.epsilon,
            "delta": certificate.delta,
            "queries": certificate.num_queries,
            "noise_std": certificate.noise_std,
            **{name: mechanism["fields"][name] for name in MECHANISM_FIELDS if name in mechanism["fields"]},
            **{name: rendering[name] for name in ("steps", "guidance_scale") if name in rendering},
        }


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
