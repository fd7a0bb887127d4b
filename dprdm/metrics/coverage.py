"""Precision, recall, density, coverage: is what is drawn like the real images, and are all kinds of them drawn?

Each looks at balls around the points of one set that reach to their k-th nearest neighbour within that set.
"""

import torch
from torch import Tensor

from dprdm import check
from dprdm.metrics.features import DrawnFeatures, Features, RealFeatures


def precision(real: RealFeatures, generated: DrawnFeatures, k: int = 3) -> float:
    """Return the share of generated points inside the ball of some real point, in [0, 1]. Source: Kynkaanniemi et al. 2019."""
    return _inside(real, generated, k).any(0).double().mean().item()


def recall(real: RealFeatures, generated: DrawnFeatures, k: int = 3) -> float:
    """Return the share of real points inside the ball of some generated point, in [0, 1]. Source: Kynkaanniemi et al. 2019."""
    return precision(generated, real, k)


def density(real: RealFeatures, generated: DrawnFeatures, k: int = 5) -> float:
    """Return the number of real balls that hold a generated point, on average, over k; may exceed 1. Source: Naeem et al. 2020."""
    return _inside(real, generated, k).double().sum(0).mean().item() / k


def coverage(real: RealFeatures, generated: DrawnFeatures, k: int = 5) -> float:
    """Return the share of real points whose ball holds some generated point, in [0, 1]. Source: Naeem et al. 2020."""
    return _inside(real, generated, k).any(1).double().mean().item()


def radii(points: Features, k: int) -> Tensor:
    """Return the distance of each point to its k-th nearest other point of the same set (point,), float64.

    Raises:
        UserError: if there are not more than k points.
    """
    check.at_least(1, k=k)
    check.at_least(k + 1, points=len(points))
    nearest_first_is_itself = k + 1
    return distances(points, points).kthvalue(nearest_first_is_itself, dim=1).values


def distances(first: RealFeatures, second: DrawnFeatures) -> Tensor:
    """Return Euclidean distances (first, second), float64; not by way of inner products, which would blur equal points."""
    return torch.cdist(first.double(), second.double(), compute_mode="donot_use_mm_for_euclid_dist")


def _inside(centres: RealFeatures, points: DrawnFeatures, k: int) -> Tensor:
    """(centre, point): whether the point lies in the centre's ball."""
    return distances(centres, points) <= radii(centres, k)[:, None]
