"""Sampling, against the algorithm written out and against data whose answer is known."""

import pytest
import torch

from dprdm.diffusion.sampler import initial_noise, sample
from dprdm.diffusion.schedule import ScheduleConfig
from dprdm.generation.model import to_pixels
from tests.diffusion.networks import TINY, GaussianData, inputs, tiny
from tests.diffusion.test_schedule import alphas_by_hand


@torch.inference_mode()
def ddim_by_hand(network, schedule, condition, noise_std, seeds, steps, guidance_scale):
    """Song, Meng, Ermon 2021, equation 12 with no fresh noise; Ho, Salimans 2022, equation 6; float64 but for the network."""
    alphas = alphas_by_hand(schedule)
    x = torch.stack([torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(seed)) for seed in seeds]).double()
    stride = 1000 // steps
    for time in range(999, 0, -stride):
        times = torch.full((len(seeds),), time)
        conditional = network(x.float(), times, condition, noise_std).double()
        null = network.null_condition.expand_as(condition)
        unconditional = network(x.float(), times, null, torch.zeros_like(noise_std)).double()
        out = (1 - guidance_scale) * unconditional + guidance_scale * conditional
        alpha, before = alphas[time], alphas[max(time - stride, 0)]
        if schedule.prediction == "epsilon":
            clean, noise = (x - (1 - alpha).sqrt() * out) / alpha.sqrt(), out
        else:
            clean, noise = alpha.sqrt() * x - (1 - alpha).sqrt() * out, alpha.sqrt() * out + (1 - alpha).sqrt() * x
        x = before.sqrt() * clean + (1 - before).sqrt() * noise
    return x


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("guidance_scale", [0.0, 1.0, 2.5])
def test_ddim_with_guidance_is_the_papers(prediction, guidance_scale):
    schedule, network = ScheduleConfig(prediction=prediction), tiny()
    _, _, condition, noise_std = inputs(3)
    arguments = condition, noise_std, [5, 6, 7], 10, guidance_scale
    ours = sample(network, schedule.solver("ddim"), *arguments)
    expected = ddim_by_hand(network, schedule, *arguments)
    assert torch.allclose(ours.double(), expected, rtol=1e-3, atol=1e-3 * expected.abs().max())


@pytest.mark.parametrize(("name", "steps", "tolerance"), [("ddim", 500, 0.02), ("dpm", 20, 0.03)])
@pytest.mark.parametrize(("beta_schedule", "scale"), [("scaled_linear", 2.0), ("squaredcos_cap_v2", 0.5)])
def test_gaussian_data_come_out_at_their_scale(name, steps, tolerance, beta_schedule, scale):
    """For data N(0, scale^2 I) the exact solution takes noise x to x * scale / sqrt(a_T scale^2 + 1 - a_T)."""
    schedule = ScheduleConfig(beta_schedule)
    network = GaussianData(schedule.forward_process().alphas_cumprod, scale)
    _, _, condition, noise_std = inputs(4)
    last = network.alphas[-1]
    expected = initial_noise(range(4), TINY.latent_shape) * scale / (last * scale**2 + 1 - last).sqrt()
    drawn = sample(network, schedule.solver(name), condition, noise_std, list(range(4)), steps, 1.0)
    assert (drawn - expected).norm() < tolerance * expected.norm()


@pytest.mark.parametrize("name", ["ddim", "dpm"])
def test_an_image_does_not_depend_on_its_batch(name):
    schedule, network = ScheduleConfig(prediction="v_prediction"), tiny()
    _, _, condition, noise_std = inputs(6)

    def drawn(rows: slice) -> torch.Tensor:
        solver = schedule.solver(name)
        return to_pixels(sample(network, solver, condition[rows], noise_std[rows], list(range(6))[rows], 10, 2.0)).int()

    alone = torch.cat([drawn(slice(row, row + 1)) for row in range(6)])
    assert (drawn(slice(6)) - alone).abs().max() <= 1
    assert len({image.numpy().tobytes() for image in alone}) == 6


@pytest.mark.parametrize("name", ["ddim", "dpm"])
def test_the_same_seed_draws_the_same_and_another_another(name):
    schedule, network = ScheduleConfig(), tiny()
    _, _, condition, noise_std = inputs(1)

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(torch.seed() % 2**63)  # the global state has no say
        return sample(network, schedule.solver(name), condition, noise_std, [seed], 5, 1.5)

    assert torch.equal(drawn(1), drawn(1)) and not torch.allclose(drawn(1), drawn(2))


def test_guidance_of_one_is_no_guidance():
    schedule, network = ScheduleConfig(), tiny()
    _, _, condition, noise_std = inputs(2)
    before = sample(network, schedule.solver("ddim"), condition, noise_std, [1, 2], 5, 1.0)
    network.null_condition.data += 1
    assert torch.equal(sample(network, schedule.solver("ddim"), condition, noise_std, [1, 2], 5, 1.0), before)


def test_large_seeds_are_taken():
    assert initial_noise([2**63 - 1, 0], (1, 2, 2)).shape == (2, 1, 2, 2)
