"""Per-image gradients against plain autograd and against Opacus' own optimiser; the noise against what is accounted."""

import lightning as L
import numpy as np
import pytest
import torch
from opacus.grad_sample.grad_sample_module import GradSampleHooks
from opacus.optimizers import DPOptimizer

from dprdm.diffusion.network import ConditionedUNet
from dprdm.errors import UserError
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from dprdm.rivals.gradients import PrivateGradients, clip_factors
from dprdm.rivals.plan import DpSgd, TrainingPlan
from dprdm.rivals.tuned import Attention, Everything, Lora, Tuned
from tests.diffusion.networks import inputs, tiny
from tests.statistics import scale_is, shape_is_normal, uncorrelated

LITTLE = 1e-6


def plan(noise_std: float | None = None, clip: float = 1.0, steps: int = 10) -> TrainingPlan:
    return TrainingPlan(DpSgd(clip, 0.1, steps, 4), Budget(10.0, 1e-5), noise_std or LITTLE * min(1.0, clip))


def network(tuned: Tuned | None = None) -> ConditionedUNet:
    made = tiny().train()
    (tuned or Everything()).prepare(made)
    return made


def loss_of(made: ConditionedUNet, rows: slice, targets: torch.Tensor) -> torch.Tensor:
    arguments = [tensor[rows] for tensor in inputs(6)]
    return (made(*arguments) - targets[rows]).square().mean()


def targets_of(scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(6, 2, 8, 8, generator=torch.Generator().manual_seed(1))


def one_by_one(made: ConditionedUNet, targets: torch.Tensor) -> list[torch.Tensor]:
    """The oracle: the gradient of each image by itself, by plain autograd, flattened."""
    parameters = [parameter for parameter in made.unet.parameters() if parameter.requires_grad]
    found = []
    for row in range(6):
        parts = torch.autograd.grad(loss_of(made, slice(row, row + 1), targets), parameters)
        found.append(torch.cat([part.flatten() for part in parts]).double())
    return found


def step(made: ConditionedUNet, gradients: PrivateGradients, targets: torch.Tensor, size: int = 4) -> torch.Tensor:
    """One step over all six images, in physical batches; the gradient that the optimiser sees, flattened."""
    for start in range(0, len(targets), size):
        gradients.add(loss_of(made, slice(start, start + size), targets))
    gradients.finish()
    return torch.cat([parameter.grad.flatten() for parameter in gradients.parameters]).double()


@pytest.mark.parametrize("tuned", [Everything(), Attention(), Lora(2)], ids=lambda tuned: tuned.name)
@pytest.mark.parametrize("clip", [1e-2, 1e3])
def test_sums_clipped_gradients_of_single_images(tuned: Tuned, clip: float) -> None:
    made, targets = network(tuned), targets_of()
    expected = sum(g * min(1.0, clip / g.norm().item()) for g in one_by_one(made, targets)) / 8
    seen = step(made, PrivateGradients(made.unet, plan(clip=clip), SecureNoise(), 8), targets)
    assert (seen - expected).norm() < 1e-4 * expected.norm() + 1e-4 * clip


def test_agrees_with_opacus() -> None:
    made, targets = network(), targets_of()
    clip = float(one_by_one(made, targets)[0].norm())  # so that about half of the images are clipped
    hooks = GradSampleHooks(made.unet)
    parameters = list(made.unet.parameters())
    theirs = DPOptimizer(
        torch.optim.SGD(parameters, 0.0), noise_multiplier=0.0, max_grad_norm=clip, expected_batch_size=8
    )
    with pytest.warns(UserWarning, match="Full backward hook"):
        loss_of(made, slice(0, 6), targets).backward()
    theirs.pre_step()
    expected = torch.cat([parameter.grad.flatten() for parameter in parameters]).double()
    theirs.zero_grad()
    hooks.remove_hooks()
    ours = step(made, PrivateGradients(made.unet, plan(clip=clip), SecureNoise(), 8), targets)
    assert (ours - expected).norm() < 2e-4 * expected.norm()


def test_no_image_moves_the_sum_by_more_than_the_sensitivity() -> None:
    """The same step with and without one image whose gradient is enormous, and with one that is not a number."""
    for size, scale in ((3, 1e6), (4, 1e6), (4, float("nan"))):
        targets = targets_of()
        targets[2] *= scale
        made = network()
        gradients = PrivateGradients(made.unet, plan(clip=0.01), SecureNoise(), 1)
        with_it = step(made, gradients, targets, size)
        for row in (0, 1, 3, 4, 5):
            gradients.add(loss_of(made, slice(row, row + 1), targets))
        gradients.finish()
        without = torch.cat([parameter.grad.flatten() for parameter in gradients.parameters]).double()
        moved = (with_it - without).norm().item()
        assert moved <= gradients.plan.sensitivity + 10 * LITTLE * len(without) ** 0.5
        assert scale != scale or moved > 0.9 * 0.01  # the enormous one does count, at the full length


def test_factors_bring_every_image_to_at_most_the_norm() -> None:
    draws = torch.Generator().manual_seed(0)
    scales = torch.logspace(-6, 6, 50)
    samples = [
        torch.randn(50, *shape, generator=draws) * scales.view(-1, *[1] * len(shape)) for shape in ((3,), (2, 5))
    ]
    factors = clip_factors(samples, 0.7)
    norms = torch.cat([sample.flatten(1) for sample in samples], 1).double().norm(dim=1)
    assert (factors * norms <= 0.7 * (1 + 1e-12)).all()
    assert (factors[norms < 0.7] == 1).all()


def noise_of_a_step(noise_std: float, made: ConditionedUNet | None = None) -> np.ndarray:
    """What a step without images shows: noise alone."""
    gradients = PrivateGradients((made or network()).unet, plan(noise_std), SecureNoise(), 1)
    gradients.finish()
    return torch.cat([parameter.grad.flatten() for parameter in gradients.parameters]).double().numpy()


def test_the_noise_is_the_one_accounted() -> None:
    std = plan(0.7).event().event.event.noise_multiplier * plan(0.7).sensitivity
    seen = noise_of_a_step(0.7)
    assert scale_is(std, seen)
    assert shape_is_normal(seen[:20_000] / std)
    assert not scale_is(std * 1.05, seen)


def test_hazard_01_seeds_do_not_repeat_the_noise() -> None:
    draws = []
    for _ in range(2):
        made = network()
        L.seed_everything(1, verbose=False)
        draws.append(noise_of_a_step(1.0, made))
    assert uncorrelated(*draws)
    assert not uncorrelated(draws[0], draws[0] + draws[1])


def test_no_step_beyond_the_plan() -> None:
    gradients = PrivateGradients(network(Lora(1)).unet, plan(steps=2), SecureNoise(), 1)
    gradients.finish()
    gradients.finish()
    with pytest.raises(UserError, match="not paid for"):
        gradients.finish()


def test_a_layer_that_kept_no_gradient_is_refused() -> None:
    gradients = PrivateGradients(network(Lora(1)).unet, plan(), SecureNoise(), 1)
    with pytest.raises(UserError, match="one gradient an image"):
        gradients.add(next(iter(gradients.parameters)).sum())
