"""Precision, recall, density and coverage against another library, and halves against the definitions."""

import pytest
import torch
from prdc import compute_prdc

from dprdm.metrics import coverage
from dprdm.metrics.neighbourhoods import FAR, NEAR, Neighbourhoods, RealNeighbours

NEAREST = {"precision": NEAR, "recall": NEAR, "density": FAR, "coverage": FAR}


def clouds(shift: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(50, 4, generator=generator), torch.randn(30, 4, generator=generator) + shift


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("metric", ["precision", "recall", "density", "coverage"])
def test_agrees_with_prdc(metric, shift):
    real, drawn = clouds(shift)
    theirs = compute_prdc(real.double().numpy(), drawn.double().numpy(), nearest_k=NEAREST[metric])[metric]
    assert getattr(Neighbourhoods(RealNeighbours(real), drawn), metric)() == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("metric", ["precision", "recall", "density", "coverage"])
def test_a_part_is_measured_as_if_it_were_all(metric):
    real, drawn = clouds(0.5)
    part = torch.arange(0, 30, 2)
    value = getattr(Neighbourhoods(RealNeighbours(real), drawn), metric)(part)
    assert value == pytest.approx(getattr(coverage, metric)(real, drawn[part], NEAREST[metric]), abs=1e-12)
