"""Private training (DP-SGD) as an event: what a run of noisy clipped gradients costs. Imports no torch."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from dp_accounting.dp_event import DpEvent
from jaxtyping import Float

from dprdm import check
from dprdm.errors import UserError
from dprdm.guarantee.description import describe
from dprdm.privacy.accountant import EpsilonReport, fits, report
from dprdm.privacy.budget import Budget
from dprdm.privacy.calibration import calibrate
from dprdm.privacy.events import sampled_gaussian
from dprdm.privacy.noise import SecureNoise

# Part of the clip norm that rounding in float32 may add; `DpSgd.require_exact` says when that is enough.
ROUNDING = 0.01
FLOAT32 = 2.0**-24


@final
@dataclass(frozen=True)
class DpSgd:
    """Steps on the sum of clipped gradients of a Poisson sample of images, with Gaussian noise in each.

    g = sum_i grad_i * min(1, max_grad_norm / |grad_i|) + noise_std * z,  z ~ N(0, I).    (Algorithm 1)

    Args:
        max_grad_norm: each image's gradient, over all trained weights, is scaled down to this length.
        sampling_rate: chance of each image to be in a step, by its own coin, in (0, 1].
        num_steps: steps, all of them paid for before the first.
        physical_batch: images whose gradients are in memory together, and are summed in float32.
    Guarantee:
        - Adding or removing one image moves a step's sum by at most `sensitivity`
          (tests/rivals/test_gradients.py::test_no_image_moves_the_sum_by_more_than_the_sensitivity).
        - The noise that is added is the noise that is accounted
          (tests/rivals/test_gradients.py::test_the_noise_is_the_one_accounted).
    Source: Abadi et al. 2016, arXiv 1607.00133.
    """

    name: ClassVar[str] = "dpsgd"

    max_grad_norm: float
    sampling_rate: float
    num_steps: int
    physical_batch: int

    def __post_init__(self) -> None:
        check.positive(max_grad_norm=self.max_grad_norm)
        check.in_range(0.0, 1.0, sampling_rate=check.positive(sampling_rate=self.sampling_rate))
        check.at_least(1, num_steps=self.num_steps)
        check.at_least(1, physical_batch=self.physical_batch)

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """Return max_grad_norm * max_per_unit, with `ROUNDING` on top."""
        return self.max_grad_norm * check.at_least(1, max_per_unit=max_per_unit) * (1 + ROUNDING)

    def event(self, noise_std: float, num_queries: int, max_per_unit: int = 1) -> DpEvent:
        """Return all steps, once, however many queries the trained weights answer."""
        return sampled_gaussian(noise_std / self.sensitivity(max_per_unit), self.sampling_rate, self.num_steps)

    def noised(self, total: Float[np.ndarray, "weight"], noise_std: float, noise: SecureNoise) -> np.ndarray:
        """Return a step's sum of clipped gradients (float64) with its noise: what may be seen."""
        return noise.gaussian(total, noise_std)

    def require_exact(self, num_records: int) -> None:
        """Raise UserError if a step may hold so many images that float32 could round by more than `ROUNDING` allows.

        A sum of b numbers errs by at most b * 2^-24 of the sum of their sizes; one image more shifts all the physical
        batches of a step, on both sides of the comparison. Larger samples than 2 * mean + 100 have odds below 1e-15.
        """
        most = min(num_records, 2 * self.sampling_rate * num_records + 100)
        if 2 * most * (self.physical_batch + 4) * FLOAT32 > ROUNDING:
            raise UserError(
                f"Expected a smaller physical_batch than {self.physical_batch} for about {most / 2:.0f} images a step: "
                "sums in float32 would be too coarse for the guarantee."
            )


@final
@dataclass(frozen=True)
class TrainingPlan:
    """A training, its noise and its budget in one frozen value; a ledger charges it as one query.

    Args:
        mechanism: what is done.
        budget: what it may cost.
        noise_std: absolute noise in a step's sum of gradients.
    """

    mechanism: DpSgd
    budget: Budget
    noise_std: float

    @property
    def is_private(self) -> bool:
        """Always: there is no training on private images without noise."""
        return True

    @property
    def sensitivity(self) -> float:
        """Largest L2 change of a step's sum when one image comes or goes."""
        return self.mechanism.sensitivity()

    @property
    def noise_multiplier(self) -> float:
        """noise_std / sensitivity."""
        return self.noise_std / self.sensitivity

    def event(self, num_queries: int | None = None) -> DpEvent:
        """Return what so many trainings cost; one if None."""
        repeated = dataclasses.replace(self.mechanism, num_steps=self.mechanism.num_steps * (num_queries or 1))
        return repeated.event(self.noise_std, 1)

    def epsilons(self) -> EpsilonReport:
        """Compute the cost by every accountant, at the budget's delta."""
        return report(self.event(), self.budget.delta)

    def with_noise_std(self, noise_std: float) -> "TrainingPlan":
        """Return the same training with other noise."""
        return dataclasses.replace(self, noise_std=noise_std)

    def public_fields(self) -> dict[str, Any]:
        """Return what is done, in plain values, for the ledger."""
        return {"mechanism": describe(self.mechanism), "noise_std": self.noise_std, "max_per_unit": 1}


def plan_training(mechanism: DpSgd, budget: Budget, noise_std: float | None = None) -> TrainingPlan:
    """Return the training with this noise, or, with None, with the least noise that the budget allows.

    Raises:
        UserError: if the noise given costs more than the budget.
    Guarantee:
        - The plan costs at most its budget (tests/rivals/test_plan.py::test_a_plan_keeps_its_budget).
    """
    if noise_std is None:
        noise_std = calibrate(lambda value: mechanism.event(value, 1), budget, guess=mechanism.sensitivity())
    plan = TrainingPlan(mechanism, budget, check.positive(noise_std=noise_std))
    if not fits(plan.event(), budget):
        raise UserError(
            f"{mechanism.num_steps} steps with noise_std {noise_std:g} cost epsilon {plan.epsilons().epsilon:.4g}; "
            f"the budget is {budget}. Leave noise_std out to have it solved for."
        )
    return plan
