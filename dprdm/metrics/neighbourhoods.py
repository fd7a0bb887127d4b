"""Precision, recall, density and coverage of one set and of many halves of it: distances are computed once."""

import functools
from collections.abc import Callable
from typing import TypeAlias

from jaxtyping import Bool, Float, Int
from torch import Tensor

from dprdm import check
from dprdm.metrics.comparison import Comparison, Need, Reference
from dprdm.metrics.coverage import distances
from dprdm.metrics.features import DrawnFeatures, RealFeatures
from dprdm.metrics.metric import Interval, Metric, Score
from dprdm.metrics.resampling import halves, spread_interval
from dprdm.runs.quantities import HIGHER

# Neighbours that a ball reaches to: of precision and recall, of density and coverage.
NEAR, FAR = 3, 5
# Images that the four need: a half of them must hold a point and its five nearest others.
LEAST = 12
# Positions of some of the generated points; None: all.
Chosen: TypeAlias = Int[Tensor, "some"] | None


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
        """Return the distance of each to its k-th nearest other point."""
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

    def precision(self, chosen: Chosen = None) -> float:
        """Return the share of generated points inside the ball of some real point."""
        return self._inside(NEAR, chosen).any(0).double().mean().item()

    def recall(self, chosen: Chosen = None) -> float:
        """Return the share of real points inside the ball of some generated point."""
        among = self.among if chosen is None else self.among[chosen][:, chosen]
        radii = among.kthvalue(min(NEAR + 1, len(among)), dim=1).values
        return (self._across(chosen) <= radii).any(1).double().mean().item()

    def density(self, chosen: Chosen = None) -> float:
        """Return the number of real balls that hold a generated point, on average, over k."""
        return self._inside(FAR, chosen).double().sum(0).mean().item() / FAR

    def coverage(self, chosen: Chosen = None) -> float:
        """Return the share of real points whose ball holds some generated point."""
        return self._inside(FAR, chosen).any(1).double().mean().item()

    def _across(self, chosen: Chosen) -> Float[Tensor, "real some"]:
        return self.across if chosen is None else self.across[:, chosen]

    def _inside(self, k: int, chosen: Chosen) -> Bool[Tensor, "real some"]:
        return self._across(chosen) <= self.real.radii(k)[:, None]


def real_neighbours(reference: Reference) -> RealNeighbours:
    """Return the real images' features by distance. Raises UserError if there are too few images."""
    check.at_least(LEAST, real_images=len(reference.images))
    return RealNeighbours(reference.features)


def neighbourhoods(comparison: Comparison) -> Neighbourhoods:
    """Return the generated images' features among the real ones. Raises UserError if there are too few images."""
    check.at_least(LEAST, images=len(comparison.images))
    return Neighbourhoods(comparison.reference.once(real_neighbours), comparison.features)


def _metric(
    name: str, statistic: Callable[[Neighbourhoods, Chosen], float], description: str, highest: float = 1.0
) -> Metric:
    """Return the metric of one of the four; its interval is by halves, because copies would shrink the balls."""

    def compute(comparison: Comparison) -> Score:
        return Score(statistic(comparison.once(neighbourhoods), None), comparison.features_provenance())

    def interval(comparison: Comparison, value: float) -> Interval:
        near = comparison.once(neighbourhoods)
        draws = halves(comparison.strata, comparison.generator(), comparison.resamples)
        low, high = spread_interval(value, lambda draw: statistic(near, draw), draws)
        return low, min(highest, high)

    return Metric(
        name=name,
        label=name,
        better=HIGHER,
        description=description,
        needs=(Need.FEATURES,),
        compute=compute,
        interval=interval,
    )


PRECISION = _metric("precision", Neighbourhoods.precision, "do generated images lie among real ones? k = 3")
RECALL = _metric("recall", Neighbourhoods.recall, "are all kinds of real images generated? k = 3")
DENSITY = _metric(
    "density", Neighbourhoods.density, "how densely do real images lie around generated ones? k = 5", float("inf")
)
COVERAGE = _metric("coverage", Neighbourhoods.coverage, "are all kinds of real images generated? k = 5")
