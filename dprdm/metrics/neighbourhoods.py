"""Precision, recall, density and coverage of one set and of many halves of it: distances are computed once."""

import functools

from jaxtyping import Float, Int
from torch import Tensor

from dprdm.metrics.coverage import distances
from dprdm.metrics.features import DrawnFeatures, RealFeatures

NEAREST = {"precision": 3, "recall": 3, "density": 5, "coverage": 5}


class RealNeighbours:
    """The real points, and how far each is from its nearest others.

    Args:
        real: more than five points.
    """

    def __init__(self, real: RealFeatures) -> None:
        self.real = real

    @functools.cached_property
    def among(self) -> Float[Tensor, "real real"]:
        """Distances within the real set."""
        return distances(self.real, self.real)

    @functools.cache  # noqa: B019 - as long as the object, which a command makes once
    def radii(self, k: int) -> Float[Tensor, "real"]:
        """Distance of each to its k-th nearest other point."""
        return self.among.kthvalue(k + 1, dim=1).values


class Neighbourhoods:
    """Generated points among real ones. Definitions and sources: `dprdm.metrics.coverage`, whose values these are.

    Args:
        real: the real points.
        generated: more than three points.
    """

    def __init__(self, real: RealNeighbours, generated: DrawnFeatures) -> None:
        self.real = real
        self.across, self.among = distances(real.real, generated), distances(generated, generated)

    def value(self, metric: str, chosen: Int[Tensor, "some"] | None = None) -> float:
        """One of the four metrics, of all generated points or of the chosen ones alone."""
        k, across = NEAREST[metric], self.across if chosen is None else self.across[:, chosen]
        if metric == "recall":
            among = self.among if chosen is None else self.among[chosen][:, chosen]
            return (across <= among.kthvalue(min(k + 1, len(among)), dim=1).values).any(1).double().mean().item()
        inside = across <= self.real.radii(k)[:, None]
        if metric == "density":
            return inside.double().sum(0).mean().item() / k
        return inside.any(0 if metric == "precision" else 1).double().mean().item()
