"""Resamples keep the number of images of each prompt, and their intervals have the width that theory gives."""

import pytest
import torch

from dprdm.metrics.resampling import bootstraps, halves, mean_interval, spread_interval

STRATA = torch.tensor([0] * 6 + [1] * 3 + [2])


def test_bootstraps_redraw_within_prompts():
    draws = list(bootstraps(STRATA, torch.Generator().manual_seed(0), 20))
    assert len(draws) == 20
    assert all(torch.equal(STRATA[draw].sort().values, STRATA) for draw in draws)
    assert len({tuple(draw.tolist()) for draw in draws}) > 10


def test_halves_hold_no_image_twice_and_half_of_each_prompt():
    for draw in halves(STRATA, torch.Generator().manual_seed(0), 20):
        assert len(draw) == 5 == len(set(draw.tolist()))
        assert (STRATA[draw] == 0).sum() == 3


@pytest.mark.parametrize("kind", ["bootstrap", "halves"])
def test_the_interval_of_a_mean_is_the_textbooks(kind):
    values = torch.randn(400, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    strata, generator = torch.zeros(400, dtype=torch.long), torch.Generator().manual_seed(2)
    expected = 1.96 * values.std().item() / 400**0.5
    if kind == "bootstrap":
        low, high = mean_interval(values, strata, generator, 2000)
    else:
        low, high = spread_interval(1.0, lambda draw: values[draw].mean().item(), halves(strata, generator, 2000))
    # The spread of a standard deviation over 2,000 draws is 1.6% of it; five of those, and ends are rougher than spreads.
    assert (high - low) / 2 == pytest.approx(expected, rel=0.12)
