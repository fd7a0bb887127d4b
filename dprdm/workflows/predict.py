"""`predict`: release on one process, then render on all. The release is what costs; the rest may be repeated at will."""

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any

import lightning as L
import yaml

from dprdm.data.datamodule import NeighbourDataModule
from dprdm.errors import UserError
from dprdm.figures.grid import write_grids
from dprdm.files import read_json, write_text
from dprdm.generation.generator import Generator
from dprdm.generation.rendering import Rendering, render
from dprdm.release.certificate import Certificate, read_certificate, write_certificate
from dprdm.release.description import describe
from dprdm.resources import find_packaged
from dprdm.rivals.certificate import certify_drawn, certify_weights, from_note
from dprdm.runs.run_folder import Conditions, Run, Sample, list_samples
from dprdm.training.processes import decide_on_first
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.release import Releasing

log = logging.getLogger(__name__)

NONPRIVATE_BANNER = "NON-PRIVATE: these images carry no guarantee"


class Prediction:
    """One call of `predict` or `render`.

    Args:
        trainer: renders.
        model: the generator.
        data: serves prompts, the encoder and public neighbours. None: only rendering is possible.
        options: what was asked for.
        resolved_config: written beside the output, so that it can be asked for again.
    """

    def __init__(
        self,
        trainer: L.Trainer,
        model: L.LightningModule,
        data: L.LightningDataModule | None,
        options: PredictOptions,
        resolved_config: str,
    ) -> None:
        if not isinstance(model, Generator):
            raise UserError(f"Expected a generator to predict with, not {type(model).__name__}. Name another --config.")
        weights = None if options.weights is None else find_packaged(options.weights)
        model.load_weights(weights)
        self.training = _training_of(model, weights)
        if self.training is not None:
            _require_public_conditions(options, self.training)
        self.trainer, self.model, self.options = trainer, model, options
        self.resolved_config = resolved_config
        self.data = data

    def run(self) -> None:
        """Release unless there is a conditions file already, render what is missing, and say where it is."""
        rendering = decide_on_first(self.trainer, self._decide)
        start = time.monotonic()
        render(self.trainer, self.model, rendering)
        if self.trainer.is_global_zero:
            assert rendering is not None  # it was decided here
            self._finish(rendering, time.monotonic() - start)

    def _decide(self) -> Rendering:
        """What one process does alone: release, refuse to mix two settings in one folder, and see what is missing."""
        run, options = Run(self._folder()), self.options
        conditions = self._conditions(run)
        samples = list_samples(conditions.requests, options.images_per_release, options.seed)
        self._begin(run, conditions, samples)
        certificate = read_certificate(run.folder)  # nothing is drawn that none vouches for
        if self._stated(certificate) != certificate:  # conditions of another run, drawn from with these weights
            write_certificate(self._stated(certificate), run.folder)
        return Rendering(
            run.folder,
            options.conditions or run.conditions,
            options.images_per_release,
            options.seed,
            options.render_batch,
            tuple(run.missing(samples)),
        )

    def _finish(self, rendering: Rendering, seconds: float) -> None:
        run, certificate = Run(rendering.folder), read_certificate(rendering.folder)
        samples = rendering.samples(Conditions.load(rendering.conditions))
        write_grids(run, samples, NONPRIVATE_BANNER if certificate.status == "NON-PRIVATE" else None)
        self._say(run, samples, len(rendering.missing), seconds, certificate)
        if self.options.wandb:
            self._track(run, samples, certificate)

    def _folder(self) -> Path:
        options = self.options
        if options.conditions is not None and options.name is None:
            return options.conditions.parent
        return options.out / (options.name or self._default_name())

    def _default_name(self) -> str:
        """Mechanism, epsilon, and a digest of the request: the same request finds its folder again."""
        options, releasing = self.options, self._releasing()
        budget = f"-eps{options.eps:g}" if releasing.mechanism.is_private and options.eps is not None else ""
        source = "" if releasing.retriever.reads_private else f"-{releasing.retriever.name}"
        return f"{releasing.mechanism.name}{source}{budget}-{self._request()[:6]}"

    def _request(self) -> str:
        """A digest of all that was asked for, but for what changes no image."""
        options, releasing = self.options, self._releasing()
        asked = {
            "mechanism": describe(releasing.mechanism),
            "retriever": describe(releasing.retriever),
            "prompts": releasing.prompts(),
            **{
                name: str(value)
                for name, value in vars(options).items()
                if name not in {"mechanism", "retriever", "out"}
            },
        }
        del asked["private"], asked["render_batch"], asked["wandb"]
        if options.spread == 0:  # folders of before it existed are found again
            del asked["spread"]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def _releasing(self) -> Releasing:
        if not isinstance(self.data, NeighbourDataModule):
            raise UserError(
                "Expected a data module that serves prompts and public neighbours: data: NeighbourDataModule."
            )
        return Releasing(self.options, self.data)

    def _conditions(self, run: Run) -> Conditions:
        options = self.options
        if options.conditions is not None:
            return Conditions.load(options.conditions)
        before = read_json(run.rendering) if run.rendering.exists() else {}
        if before.get("request", self._request()) != self._request():
            raise UserError(f"{run.folder} holds another request's images. Give this run another --name.")
        self._releasing().write(run, self.resolved_config, self._stated)
        return Conditions.load(run.conditions)

    def _stated(self, certificate: Certificate) -> Certificate:
        """The certificate of images, with what the weights cost."""
        return certificate if self.training is None else certify_drawn(self.training, certificate)

    def _begin(self, run: Run, conditions: Conditions, samples: list[Sample]) -> None:
        """Refuse to mix images of two settings in one folder; then write the table of what will be there.

        The same request released anew, as `nonprivate` does each time, takes the place of its earlier images.
        """
        before = read_json(run.rendering) if run.rendering.exists() else {}
        is_release = self.options.conditions is None
        settings = {
            "request": self._request() if is_release else before.get("request"),
            "conditions": conditions.fingerprint(),
            "seed": self.options.seed,
            "images_per_release": self.options.images_per_release,
            **self.model.settings(),
            "weights": self.model.fingerprint(),
            "precision": str(self.trainer.precision),
        }
        differing = [name for name in settings if before and settings[name] != before.get(name, settings[name])]
        if differing == ["conditions"] and is_release:
            run.remove_images()
        elif differing:
            raise UserError(
                f"{run.folder} holds images of other settings (differs in {', '.join(differing)}). "
                "Give this run another --name."
            )
        if self.options.conditions is not None and run.folder != self.options.conditions.parent:
            _copy_release(self.options.conditions, run)
        write_text(run.rendering, json.dumps(settings, indent=2))
        run.write_samples(samples)

    def _say(self, run: Run, samples: list[Sample], drawn: int, seconds: float, certificate: Certificate) -> None:
        speed = f" ({drawn / max(seconds, 1e-9):.1f} images/s)" if drawn else ""
        log.info(f"\n{len(samples)} images, {drawn} of them drawn now{speed}:")
        log.info(f"  images       {run.folder / 'images'}, listed in {run.samples}")
        log.info(f"  grid         {run.folder / 'grid.png'}")
        log.info(f"  conditions   {run.conditions}")
        log.info(f"  certificate  {run.certificate.with_suffix('.md')}")
        log.info(describe_cost(certificate))

    def _track(self, run: Run, samples: list[Sample], certificate: Certificate) -> None:
        from dprdm.runs.tracking import track_run

        ledger = certificate.ledger
        spent, cap = (store_spent(ledger), ledger["cap"]["epsilon"]) if ledger is not None else (None, None)
        config = yaml.safe_load(self.resolved_config)
        track_run(run.folder, config, samples, certificate.epsilon, cap, spent)


def _training_of(model: Generator, weights: Path | None) -> Certificate | None:
    """The certificate of the private training that the weights come from; None of public weights."""
    training = from_note(dict(model.weights_metadata))
    return training if training is None or weights is None else certify_weights(training, weights)


def _require_public_conditions(options: PredictOptions, training: Certificate) -> None:
    """Refuse, before anything is charged or written, conditions that cost something themselves."""
    if options.conditions is not None:
        certify_drawn(training, read_certificate(options.conditions.parent))
    elif options.retriever.reads_private or options.codebook is not None:
        raise UserError(
            "Expected --retriever public: these weights were trained on private images, which has its own cost, and one "
            "certificate cannot state two."
        )


def store_spent(ledger: dict[str, Any]) -> float:
    """Epsilon that a store has spent, from a certificate's entry."""
    return min(value for value in (ledger["spent"]["pld"], ledger["spent"]["rdp"]) if value is not None)


def describe_cost(certificate: Certificate) -> str:
    """Epsilon of this run, of the store so far, and what is left of its cap."""
    if certificate.status == "NON-PRIVATE":
        return "NON-PRIVATE: this run carries no guarantee. Its images must not leave."
    if certificate.ledger is None:
        return "Epsilon 0: no private record was read."
    cap, total = certificate.ledger["cap"], store_spent(certificate.ledger)
    return (
        f"Epsilon of this run: {certificate.epsilon:.4g} at delta {certificate.delta:.3g}. "
        f"Spent by the store: {total:.4g} of {cap['epsilon']:g}; {max(0.0, cap['epsilon'] - total):.4g} is left."
    )


def _copy_release(conditions: Path, run: Run) -> None:
    for name in ("conditions.safetensors", "certificate.json", "certificate.md"):
        source = conditions.parent / name if name != "conditions.safetensors" else conditions
        if source.exists():
            run.folder.mkdir(parents=True, exist_ok=True)
            (run.folder / name).write_bytes(source.read_bytes())
