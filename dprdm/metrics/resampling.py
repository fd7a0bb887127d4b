"""Intervals by redrawing the images within their prompts: how many there are of each prompt was not left to chance."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

NORMAL_95 = 1.96


def bootstraps(
    strata: Int[Tensor, "image"], generator: torch.Generator, resamples: int
) -> Iterator[Int[Tensor, "image"]]:
    """Yield positions of as many images, redrawn with replacement within their prompt, `resamples` times."""
    groups = [torch.where(strata == stratum)[0] for stratum in torch.unique(strata)]
    for _ in range(resamples):
        yield torch.cat([g[torch.randint(0, len(g), (len(g),), generator=generator)] for g in groups])


def halves(strata: Int[Tensor, "image"], generator: torch.Generator, resamples: int) -> Iterator[Int[Tensor, "half"]]:
    """Yield positions of half the images, drawn without replacement in equal parts from every prompt, `resamples` times.

    For statistics that duplicates would break. The standard deviation over halves estimates that of the whole: leaving
    half out is the delete-d jackknife whose factor is one. Source: Shao and Wu 1989.
    """
    groups = [torch.where(strata == stratum)[0] for stratum in torch.unique(strata)]
    for _ in range(resamples):
        shuffled = torch.cat([g[torch.randperm(len(g), generator=generator)] for g in groups])
        yield shuffled[int(torch.randint(0, 2, (), generator=generator)) :: 2]


def mean_interval(
    values: Float[Tensor, "image"], strata: Int[Tensor, "image"], generator: torch.Generator, resamples: int
) -> tuple[float, float]:
    """Return the 95% percentile interval of a mean over images."""
    means = torch.stack([values[draw].mean() for draw in bootstraps(strata, generator, resamples)])
    low, high = torch.quantile(means.double(), torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def spread_interval(
    value: float, statistic: Callable[[Tensor], float], draws: Iterator[Int[Tensor, "some"]]
) -> tuple[float, float]:
    """Return the value minus and plus 1.96 standard deviations of the statistic over the draws; never below zero."""
    spread = torch.tensor([statistic(draw) for draw in draws], dtype=torch.float64).std().item()
    return max(0.0, value - NORMAL_95 * spread), value + NORMAL_95 * spread
