"""Draw latents: one function that reads like the algorithm, and one generator per image."""

from collections.abc import Sequence

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

from dprdm.diffusion.network import ConditionedUNet
from dprdm.diffusion.shapes import Condition, Latents, NoiseStd


@torch.inference_mode()
def sample(
    network: ConditionedUNet,
    solver: DDIMScheduler | DPMSolverMultistepScheduler,
    condition: Condition,
    noise_std: NoiseStd,
    seeds: Sequence[int],
    steps: int,
    guidance_scale: float,
) -> Latents:
    """Draw one image's latents per condition, with classifier-free guidance against the trained null condition.

    x_T ~ N(0, I) from the image's own seed; at each time t, e = e_null + guidance_scale * (e_cond - e_null), and the solver
    takes x_t to x_{t-1}. Both solvers are deterministic, so an image is a function of (network, condition, seed).

    Args:
        network: predicts.
        solver: a fresh scheduler; its timesteps are set here.
        condition: vectors to attend to.
        noise_std: of the noise in them.
        seeds: one an image. The batch an image is drawn in does not change it.
        steps: evaluations of the network.
        guidance_scale: 1 switches guidance off and halves the work.

    Source: Ho, Salimans 2022; Song, Meng, Ermon 2021 (DDIM); Lu et al. 2022 (DPM-Solver++).
    """
    device = condition.device
    latents = initial_noise(seeds, network.config.latent_shape).to(device)
    solver.set_timesteps(steps, device=device)
    latents = latents * solver.init_noise_sigma
    for time in solver.timesteps:
        scaled = solver.scale_model_input(latents, time)
        predicted: Latents = _guided(network, scaled, time, condition, noise_std, guidance_scale)
        latents = solver.step(predicted, time, latents).prev_sample
    drawn: Latents = latents
    return drawn


def initial_noise(seeds: Sequence[int], shape: tuple[int, int, int]) -> Latents:
    """Return unit Gaussian latents, each drawn on the CPU from its own seed, so that every device starts alike."""
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def _guided(
    network: ConditionedUNet,
    latents: Latents,
    time: torch.Tensor,
    condition: Condition,
    noise_std: NoiseStd,
    guidance_scale: float,
) -> Latents:
    count = len(latents)
    times = time.expand(count)
    if guidance_scale == 1:
        predicted: Latents = network(latents, times, condition, noise_std)
        return predicted
    keep = torch.arange(2 * count, device=latents.device) < count
    both: torch.Tensor = network(
        torch.cat([latents] * 2), torch.cat([times] * 2), torch.cat([condition] * 2), torch.cat([noise_std] * 2), keep
    )
    conditional, unconditional = both.chunk(2)
    return unconditional + guidance_scale * (conditional - unconditional)
