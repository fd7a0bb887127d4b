"""Private fine-tuning of a public generator: what private retrieval is measured against."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dprdm import check
from dprdm.diffusion.shapes import Pixels
from dprdm.errors import UserError
from dprdm.generation.generator import Generator
from dprdm.generation.model import RetrievalDiffusion
from dprdm.guarantee.certificate import Certificate
from dprdm.privacy.noise import SecureNoise
from dprdm.rivals.certificate import certify_weights, from_note, to_note
from dprdm.rivals.gradients import PrivateGradients
from dprdm.rivals.plan import DpSgd, TrainingPlan
from dprdm.rivals.tuned import Everything, Tuned


class PrivateFineTuning(Generator):
    """A public generator that `fit` fine-tunes on private images with DP-SGD, and that `predict` draws with as with any other.

    What is learnt reaches the weights through noisy sums of clipped gradients alone. The losses on private images are not
    logged, nor is the number of images in a step: both are private.

    Args:
        generator: the public model; its `weights` are where the training starts.
        tuned: which weights are trained.
        max_grad_norm: each image's gradient is scaled down to this length.
        sampling_rate: chance of each private image to be in a step.
        expected_batch: the noisy sum is divided by it: about sampling_rate times the number of images, public or a guess.
        physical_batch: images whose gradients are in memory together.
        learning_rate: of Adam.
        average_decay: of the average of the weights over the steps, which is what is exported; 0 exports the last ones.
    """

    def __init__(
        self,
        generator: RetrievalDiffusion,
        tuned: Tuned | None = None,
        max_grad_norm: float = 1.0,
        sampling_rate: float = 0.01,
        expected_batch: int = 256,
        physical_batch: int = 32,
        learning_rate: float = 1e-3,
        average_decay: float = 0.0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # one sample of any size a step, in as many passes as it takes
        self.generator, self.tuned = generator, tuned if tuned is not None else Everything()
        self.max_grad_norm = check.positive(max_grad_norm=max_grad_norm)
        self.sampling_rate = check.in_range(0.0, 1.0, sampling_rate=check.positive(sampling_rate=sampling_rate))
        self.expected_batch = check.at_least(1, expected_batch=expected_batch)
        self.physical_batch = check.at_least(1, physical_batch=physical_batch)
        self.learning_rate = check.positive(learning_rate=learning_rate)
        self.average_decay = check.in_range(0.0, 0.9999, average_decay=average_decay)
        self.terms: TrainingTerms | None = None
        self.certificate: Certificate | None = None
        self.average: list[Tensor] = []

    def mechanism(self, num_steps: int) -> DpSgd:
        """Return what so many steps of this training do."""
        return DpSgd(self.max_grad_norm, self.sampling_rate, num_steps, self.physical_batch)

    def agree(self, terms: "TrainingTerms") -> None:
        """Train under these terms. Raises UserError if the weights are not public, or training needs the images' captions."""
        if self.generator.denoised_share > 0:
            raise UserError("Expected denoised_share=0 of a generator that is fine-tuned privately.")
        if from_note(dict(self.generator.weights_metadata)) is not None:
            raise UserError("Expected public weights to start from; these were trained on private images already.")
        self.terms = terms

    def setup(self, stage: str) -> None:
        """Choose the trained weights, and let them keep each image's gradient."""
        if stage == "fit":
            self.tuned.prepare(self.generator.network)
            terms = self._terms()
            unet = self.generator.network.unet
            self.gradients = PrivateGradients(unet, terms.plan, terms.noise, self.expected_batch)
            self.average = [parameter.detach().clone() for parameter in self.gradients.parameters]

    def on_train_start(self) -> None:
        """Pay for all steps, before the first."""
        self.certificate = self._terms().pay()
        self.average = [part.to(self.device) for part in self.average]

    def training_step(self, batch: Mapping[str, Tensor], _index: int) -> None:
        """Take one noisy step on one Poisson sample."""
        if self.certificate is None:
            raise UserError("Expected a training that was paid for.")
        for part in _parts(batch, self.physical_batch):
            self.gradients.add(self.generator.loss(part))
        self.gradients.finish()
        optimizer: Any = self.optimizers()
        optimizer.step()
        optimizer.zero_grad()
        for average, parameter in zip(self.average, self.gradients.parameters, strict=True):
            average.lerp_(parameter.detach(), 1 - self._decay())

    def validation_step(self, batch: Mapping[str, Tensor], index: int) -> None:
        """Log the loss on public images, with the same draws every time."""
        draws = torch.Generator(self.device).manual_seed(index)
        self.log("val/loss", self.generator.loss(batch, draws), batch_size=len(batch["image"]), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam, at a constant rate, on the trained weights."""
        return torch.optim.Adam([p for p in self.generator.parameters() if p.requires_grad], self.learning_rate)

    def export(self, path: Path) -> None:
        """Write the network's weights, averaged, under their ordinary names, with the certificate of their training in them."""
        if self.certificate is None or self.gradients.steps < self.gradients.plan.mechanism.num_steps:
            raise UserError("Expected a finished training: weights before its end are not kept.")
        self.gradients.close()
        with torch.no_grad():
            for average, parameter in zip(self.average, self.gradients.parameters, strict=True):
                parameter.copy_(average)
        self.generator.export_tensors(self.tuned.merged(self.generator.network), path, to_note(self.certificate))

    def certify(self, weights: Path) -> Certificate:
        """Return the certificate of exported weights."""
        assert self.certificate is not None  # else nothing was exported
        return certify_weights(self.certificate, weights)

    def render(
        self,
        condition: Tensor,
        noise_std: Tensor,
        seeds: Sequence[int],
        prompts: Sequence[str] = (),
        queries: Tensor | None = None,
    ) -> Pixels:
        """Draw images; see `Generator.render`."""
        return self.generator.render(condition, noise_std, seeds, prompts, queries)

    def load_weights(self, path: Path | None) -> None:
        """Load weights; see `Generator.load_weights`."""
        self.generator.load_weights(path)
        self.weights_metadata, self.weights_file = self.generator.weights_metadata, self.generator.weights_file

    def fingerprint(self) -> str:
        """Return the SHA-256 of the weights; see `Generator.fingerprint`."""
        return self.generator.fingerprint()

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """Return what an image depends on; see `Generator.settings`."""
        return self.generator.settings()

    def _terms(self) -> "TrainingTerms":
        if self.terms is None:
            raise UserError("Expected a budget and a ledger. Fine-tune with `python main.py fit`, which brings both.")
        return self.terms

    def _decay(self) -> float:
        """Smaller at the beginning, so that the first weights are soon forgotten."""
        steps = self.gradients.steps
        return min(self.average_decay, (1 + steps) / (10 + steps))


class TrainingTerms:
    """What a private training is done under.

    Args:
        plan: fixes noise and number of steps.
        noise: where the noise comes from.
        pay: charges the ledger for the plan and returns the certificate; raises BudgetExceeded.
    """

    def __init__(self, plan: TrainingPlan, noise: SecureNoise, pay: Callable[[], Certificate]) -> None:
        self.plan, self.noise, self.pay = plan, noise, pay


def _parts(batch: Mapping[str, Tensor], size: int) -> list[dict[str, Tensor]]:
    """A batch in parts of at most `size` images; no part of an empty one."""
    count = len(next(iter(batch.values()))) if batch else 0
    starts = range(0, count, size)
    return [{name: tensor[start : start + size] for name, tensor in batch.items()} for start in starts]
