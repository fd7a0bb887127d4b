"""Gradients of single images, clipped, summed, and seen with noise alone.

Opacus computes each image's gradient. The clipping, the sum and the noise are ours: norms and the sums of physical batches are in
float64, and the noise is the operating system's on a grid, where Opacus' comes from a generator that a seed repeats.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from opacus.grad_sample.grad_sample_module import GradSampleHooks
from torch import Tensor, nn

from dprdm.errors import UserError
from dprdm.privacy.noise import SecureNoise
from dprdm.rivals.plan import TrainingPlan


class PrivateGradients:
    """The gradient of one step after another, for any optimiser; no more steps than are paid for.

    Args:
        module: the UNet, with what is not trained frozen already. Its layers are told to keep each image's gradient.
        plan: what is paid for.
        noise: where the noise comes from.
        divisor: by which the noisy sum is divided, whatever the number of images in it: that number is private.
    Guarantee:
        - Nothing but the noisy sum reaches the weights
          (tests/rivals/test_gradients.py::test_the_noise_is_the_one_accounted).
        - The noise is fresh whatever is seeded (tests/rivals/test_gradients.py::test_hazard_01_seeds_do_not_repeat_the_noise).
        - A step that was not paid for is refused (tests/rivals/test_gradients.py::test_no_step_beyond_the_plan).
    """

    def __init__(self, module: nn.Module, plan: TrainingPlan, noise: SecureNoise, divisor: float) -> None:
        self.plan, self.noise, self.divisor = plan, noise, divisor
        self.hooks = GradSampleHooks(module)
        self.parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.steps = 0
        self._totals: list[Tensor] = []

    def add(self, loss: Tensor) -> None:
        """Clip each image's gradient of a loss that is a mean over images, and add it to the step's sum."""
        with warnings.catch_warnings():
            # Of the layers that see the input: their hooks need no gradient of it.
            warnings.filterwarnings("ignore", message="Full backward hook is firing", category=UserWarning)
            loss.backward()  # type: ignore[no-untyped-call]
        samples = [_of_images(parameter) for parameter in self.parameters]
        factors = clip_factors(samples, self.plan.mechanism.max_grad_norm)
        self._totals = self._totals or self._zeros()
        for parameter, sample, total in zip(self.parameters, samples, self._totals, strict=True):
            sample[factors == 0] = 0.0  # infinity times nothing is no number
            total.add_(torch.einsum("i,i...->...", factors.to(sample), sample))
            parameter.grad_sample = parameter.grad = None  # type: ignore[attr-defined]

    def finish(self) -> None:
        """Write the step's noisy mean into `.grad` of each weight, and begin the next sum.

        Raises:
            UserError: if all steps that were paid for have been made.
        """
        if self.steps >= self.plan.mechanism.num_steps:
            raise UserError(f"Expected at most {self.plan.mechanism.num_steps} steps: more were not paid for.")
        self.steps += 1
        total = torch.cat([part.flatten() for part in self._totals or self._zeros()]).cpu().numpy()
        noisy = self.plan.mechanism.noised(total, self.plan.noise_std, self.noise) / self.divisor
        places = np.cumsum([parameter.numel() for parameter in self.parameters])[:-1]
        for parameter, part in zip(self.parameters, np.split(noisy, places), strict=True):
            parameter.grad = torch.from_numpy(part).to(parameter).view_as(parameter)
        self._totals = []

    def close(self) -> None:
        """Let the layers forget about images."""
        self.hooks.remove_hooks()

    def _zeros(self) -> list[Tensor]:
        return [torch.zeros_like(parameter, dtype=torch.float64) for parameter in self.parameters]


def clip_factors(samples: Sequence[Tensor], max_grad_norm: float) -> Tensor:
    """Return what each image's gradient (image, ...), over all weights together, is multiplied by to be at most so long.

    A gradient that is not finite counts for nothing.
    """
    parts = [torch.linalg.vector_norm(sample.flatten(1), dim=1, dtype=torch.float64) for sample in samples]
    norms = torch.stack(parts).norm(dim=0)
    return torch.where(norms.isfinite(), (max_grad_norm / norms.clamp(min=1e-30)).clamp(max=1.0), 0.0)


def _of_images(parameter: nn.Parameter) -> Tensor:
    sample: Tensor | None = parameter.grad_sample  # type: ignore[attr-defined]
    if not isinstance(sample, Tensor):
        raise UserError(
            "Expected one gradient an image of every trained weight; a layer was used twice, or not at all."
        )
    return sample
