"""The forward process and the loss, against the papers' formulas written out."""

import math

import pytest
import torch

from dprdm.diffusion.schedule import TRAIN_STEPS, ScheduleConfig, denoising_loss
from tests.diffusion.networks import inputs, tiny


def alphas_by_hand(schedule: ScheduleConfig) -> torch.Tensor:
    """The cumulative product of 1 - beta, float64."""
    if schedule.beta_schedule == "scaled_linear":  # linear in the square root
        roots = torch.linspace(schedule.beta_start**0.5, schedule.beta_end**0.5, TRAIN_STEPS, dtype=torch.float64)
        return (1 - roots**2).cumprod(0)
    if schedule.beta_schedule == "linear":
        betas = torch.linspace(schedule.beta_start, schedule.beta_end, TRAIN_STEPS, dtype=torch.float64)
        return (1 - betas).cumprod(0)
    bar = [math.cos((step / TRAIN_STEPS + 0.008) / 1.008 * math.pi / 2) ** 2 for step in range(TRAIN_STEPS + 1)]
    betas = [min(1 - bar[step + 1] / bar[step], 0.999) for step in range(TRAIN_STEPS)]
    return (1 - torch.tensor(betas, dtype=torch.float64)).cumprod(0)


@pytest.mark.parametrize("name", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_the_schedule_is_the_published_one(name):
    schedule = ScheduleConfig(beta_schedule=name)
    expected = alphas_by_hand(schedule)
    for process in (schedule.forward_process(), schedule.solver("ddim"), schedule.solver("dpm")):
        assert torch.allclose(process.alphas_cumprod.double(), expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_loss_is_the_papers(prediction):
    schedule = ScheduleConfig(prediction=prediction)
    network, (latents, _, condition, noise_std) = tiny(), inputs(6)
    loss = denoising_loss(
        network, schedule.forward_process(), latents, condition, noise_std, 0.5, torch.Generator().manual_seed(3)
    )
    draw = torch.Generator().manual_seed(3)
    noise, times = torch.randn(latents.shape, generator=draw), torch.randint(0, TRAIN_STEPS, (6,), generator=draw)
    keep = torch.rand(6, generator=draw) >= 0.5
    alpha = alphas_by_hand(schedule)[times].float()[:, None, None, None]
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    target = noise if prediction == "epsilon" else alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    expected = (network(noisy, times, condition, noise_std, keep) - target).square().mean()
    assert keep.any() and not keep.all()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize(("dropout", "sees"), [(0.0, True), (1.0, False)])
def test_dropout_hides_the_condition(dropout, sees):
    network, (latents, _, condition, noise_std) = tiny(), inputs(4)
    process = ScheduleConfig().forward_process()
    losses = {
        denoising_loss(network, process, latents, given, noise_std, dropout, torch.Generator().manual_seed(0)).item()
        for given in (condition, condition + 1)
    }
    assert (len(losses) == 2) == sees


def test_dropout_trains_the_null_condition():
    network, (latents, _, condition, noise_std) = tiny(), inputs(4)
    denoising_loss(network, ScheduleConfig().forward_process(), latents, condition, noise_std, 1.0).backward()
    assert network.null_condition.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["ddim", "dpm"])
def test_sampling_starts_at_the_noisiest_time(name):
    solver = ScheduleConfig().solver(name)
    solver.set_timesteps(10)
    assert solver.timesteps[0] == TRAIN_STEPS - 1 and len(solver.timesteps) == 10
