"""Images from a release: post-processing, free, as many and as often as anybody likes."""

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml
from PIL import Image

from dprdm import check
from dprdm.figures.grid import write_grids
from dprdm.files import write_text
from dprdm.generation.generator import Generator
from dprdm.generation.rendering import Batches, RenderJob, draw, to_picture
from dprdm.guarantee.certificate import write_certificate
from dprdm.guarantee.statement import NON_PRIVATE
from dprdm.resources import find_packaged
from dprdm.rivals.certificate import cover_weights
from dprdm.runs.release_files import Release
from dprdm.runs.run_folder import Run, Sample, list_samples
from dprdm.training.processes import decide_on_first
from dprdm.workflows.generators import load_generator
from dprdm.workflows.options import PredictOptions

log = logging.getLogger(__name__)

NONPRIVATE_BANNER = "NON-PRIVATE: these images carry no guarantee"


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """A release in its folder, and which of its images are to be drawn there."""

    run: Run
    release: Release
    samples: list[Sample]
    job: RenderJob

    def share(self) -> RenderJob:
        """Return what processes that only render need to know."""
        return self.job


def render(
    release: Release,
    generator: Generator | Path | str,
    images_per_release: int = 1,
    *,
    seed: int = 0,
    batch_size: int = 64,
) -> list[Image.Image]:
    """Draw images from a release, in the order of its requests. Free, and blind to private data.

    Args:
        release: what to draw from.
        generator: an object; a file of weights that `fit` exported; or a config.
        images_per_release: drawn from each request's vector; they follow each other.
        seed: the same one draws the same images.
        batch_size: images drawn together; it does not change them.
    Raises:
        UserError: if there is no such generator, or its weights carry a cost that the release's certificate cannot state.
    Examples:
        >>> drawn = dprdm.render(release, "demo.yaml", images_per_release=2)
        >>> len(drawn), drawn[0].size
        (4, (28, 28))
    """
    model = load_generator(generator).eval()
    conditions = cover_weights(release, model).conditions
    samples = list_samples(conditions.requests, check.at_least(1, images_per_release=images_per_release), seed)
    batches = Batches(conditions, samples, check.at_least(1, batch_size=batch_size), range(len(samples)))
    with torch.inference_mode():
        moved = (model.transfer_batch_to_device(batch, model.device, 0) for batch in batches)
        return [to_picture(pixels) for batch in moved for pixels in model.predict_step(batch, 0).cpu().numpy()]


def render_file(
    options: PredictOptions, generator: Generator, trainer: L.Trainer, config: str | None = None
) -> PreparedRun | None:
    """Draw the images of a conditions file, as `predict` does, into its folder or into one of another name.

    Args:
        options: of `predict`; `conditions` names the file.
        generator: draws.
        trainer: renders, on as many processes as it has.
        config: YAML that repeats the run.
    Returns:
        What was drawn; None on a process that was told by the first what to draw.
    Raises:
        UserError: if no certificate covers the file, or the folder holds images of other settings.
    """
    generator.load_weights(None if options.weights is None else find_packaged(options.weights))

    def load_alone() -> PreparedRun:
        file = options.conditions
        assert file is not None  # else it is no request to render
        saved = Release.load(file)
        release = cover_weights(saved, generator)
        run = Run(file.parent if options.name is None else options.out / options.name)
        settings = drawing_settings(options, generator, trainer, None)
        settings["conditions"] = release.conditions.fingerprint()
        run.require_settings(settings)
        if run.folder != file.parent:
            release.save(run.folder)
        elif release.certificate != saved.certificate:
            write_certificate(release.certificate, run.folder)
        return prepare_run(run, release, run.conditions if run.folder != file.parent else file, settings, options)

    decided = decide_on_first(trainer, load_alone, PreparedRun.share)
    return draw_run(trainer, generator, decided, config if options.wandb else None)


def drawing_settings(
    options: PredictOptions, generator: Generator, trainer: L.Trainer, request: str | None
) -> dict[str, Any]:
    """Return all that the images of a run depend on, but for the vectors that they are drawn from.

    Args:
        request: digest of what was requested; None where that is not known.
    """
    return {
        **({} if request is None else {"request": request}),
        "seed": options.seed,
        "images_per_release": options.images_per_release,
        **generator.settings(),
        "weights": generator.fingerprint(),
        "precision": str(trainer.precision),
    }


def prepare_run(
    run: Run, release: Release, conditions: Path, settings: dict[str, Any], options: PredictOptions
) -> PreparedRun:
    """Write the table of the images that will be in a run's folder, and find which of them are missing.

    Args:
        conditions: file that holds what is drawn from.
        settings: all that the images depend on.
    """
    samples = list_samples(release.conditions.requests, options.images_per_release, options.seed)
    write_text(run.rendering, json.dumps(settings, indent=2))
    run.write_samples(samples)
    job = RenderJob(
        run.folder,
        conditions,
        options.images_per_release,
        options.seed,
        options.render_batch,
        tuple(run.missing(samples)),
    )
    return PreparedRun(run, release, samples, job)


def draw_run(
    trainer: L.Trainer,
    generator: Generator,
    decided: PreparedRun | RenderJob | None,
    tracked_config: str | None = None,
) -> PreparedRun | None:
    """Draw what is missing of a run, on all processes, and say what is in its folder.

    Args:
        decided: the run, on the process that prepared it; on the others its job, or None where they are told of it later.
        tracked_config: YAML of a run that W&B is to track. None: it is not tracked.
    Returns:
        The run; None on the other processes.
    """
    start = time.monotonic()
    if not isinstance(decided, PreparedRun):
        draw(trainer, generator, decided)
        return None
    run, samples, certificate = decided.run, decided.samples, decided.release.certificate
    draw(trainer, generator, decided.job, decided.release.conditions)
    drawn, seconds = len(decided.job.missing), time.monotonic() - start
    write_grids(run, samples, NONPRIVATE_BANNER if certificate.status == NON_PRIVATE else None)
    speed = f" ({drawn / max(seconds, 1e-9):.1f} images/s)" if drawn else ""
    log.info(f"\n{len(samples)} images, {drawn} of them drawn now{speed}:")
    log.info(f"  images       {run.folder / 'images'}, listed in {run.samples}")
    log.info(f"  grid         {run.grid}")
    log.info(f"  conditions   {decided.job.conditions}")
    log.info(f"  certificate  {run.certificate.with_suffix('.md')}")
    log.info(certificate.summary())
    if tracked_config is not None:
        from dprdm.runs.tracking import track_run

        track_run(run.folder, yaml.safe_load(tracked_config), samples, certificate)
    return decided
