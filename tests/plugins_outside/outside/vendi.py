"""A metric: the Vendi score, how many kinds of images there are among those that were generated."""

import torch
from torch.nn.functional import normalize

from dprdm.metrics.comparison import Comparison, Need
from dprdm.metrics.metric import Metric, Score


def vendi(comparison: Comparison) -> Score:
    """Return the exponential of the entropy of the similarity matrix's eigenvalues. Source: Friedman and Dieng 2023."""
    features = normalize(comparison.features.double())
    values = torch.linalg.eigvalsh(features @ features.T / len(features)).clamp(min=1e-12)
    value = torch.exp(-(values * values.log()).sum()).item()
    return Score(value, comparison.features_provenance(reads_real=False))


VENDI = Metric(
    name="vendi",
    label="Vendi score",
    better="higher is better",
    description="how many kinds of images there are: the effective rank of their similarities; reads no real image",
    digits=1,
    needs=(Need.FEATURES,),
    compute=vendi,
)
