"""What attacks prove: a lower bound of epsilon, from releases of a store with a record and of one without it.

For every set of outcomes, a release that is (epsilon, delta)-private has P[with] <= e^epsilon * P[without] + delta, and
the other way round. So the two rates of any test of outcomes give epsilon >= log((rate - delta) / other rate). The test
is chosen on every fourth trial and its rates are counted on the rest, so that choosing cannot flatter the bound.

Source: Jagielski et al. 2020 (arXiv 2006.07709), Nasr et al. 2021 (arXiv 2101.04535).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import beta

from dprdm import check
from dprdm.types import Outcomes

# More thresholds to choose from fit the trials to choose on, not the rest.
MOST_THRESHOLDS = 64


@dataclass(frozen=True)
class Test:
    """Says "with the record" of scores at or above a threshold: `sign` turns the axis, `swapped` the two worlds."""

    __test__ = False  # nor is it one of pytest's

    sign: int
    swapped: bool
    threshold: float

    def counts(
        self, present: Float[np.ndarray, "present"], absent: Float[np.ndarray, "absent"]
    ) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return (hits, trials) in the world where the test should hit, and in the other."""
        worlds = (absent, present) if self.swapped else (present, absent)
        hits = [(int((self.sign * scores >= self.threshold).sum()), len(scores)) for scores in worlds]
        return hits[0], hits[1]


def to_choose_on(trials: int) -> Bool[np.ndarray, "trials"]:
    """Return which trials the test is chosen on; the others are counted."""
    return np.asarray(np.arange(trials) % 4 == 0)


def project(present: Outcomes, absent: Outcomes) -> tuple[Float[np.ndarray, "present"], Float[np.ndarray, "absent"]]:
    """Project outcomes to scores: positions along the line between the two means of the trials to choose on.

    For Gaussians, Poisson-sampled ones too, they order outcomes as the likelihood ratio does.
    """
    choose = to_choose_on(len(present)), to_choose_on(len(absent))
    direction = present[choose[0]].mean(axis=0) - absent[choose[1]].mean(axis=0)
    direction = direction / max(float(np.linalg.norm(direction)), float(np.finfo(np.float64).tiny))
    return present @ direction, absent @ direction


def lower_bound(
    present: Float[np.ndarray, "present"], absent: Float[np.ndarray, "absent"], delta: float, confidence: float
) -> float:
    """Return an epsilon that the release exceeds at `delta`, with this confidence; 0 where the attack learnt nothing.

    Args:
        present: a score per trial with the record, in the order of the trials.
        absent: the same without it.
        delta: of the claim that is put to the test.
        confidence: chance of a true statement, whatever the release. All error is random; none is assumed away.
    Guarantee:
        - Exceeds the true epsilon with chance 1 - confidence at most (tests/audit/test_bounds.py::test_false_alarms).
    """
    error = (1 - check.in_range(0.5, 1 - 1e-15, confidence=confidence)) / 2  # one half for each of two rates
    choose = to_choose_on(len(present)), to_choose_on(len(absent))
    best = max(_tests(present[choose[0]], absent[choose[1]], delta, error), key=lambda scored: scored[0])[1]
    (hits, trials), (other_hits, other_trials) = best.counts(present[~choose[0]], absent[~choose[1]])
    rate = rate_low(np.array([hits]), trials, error)
    other = rate_high(np.array([other_hits]), other_trials, error)
    return max(0.0, float(_epsilon(rate, other, delta)[0]))


def rate_low(hits: Int[np.ndarray, "n"], trials: int, error: float) -> Float[np.ndarray, "n"]:
    """Return what the rate is at least, with confidence 1 - error, after `hits` in `trials` (Clopper and Pearson 1934)."""
    return np.where(hits > 0, beta.ppf(error, np.maximum(hits, 1), trials - hits + 1), 0.0)


def rate_high(hits: Int[np.ndarray, "n"], trials: int, error: float) -> Float[np.ndarray, "n"]:
    """Return what the rate is at most, with confidence 1 - error, after `hits` in `trials`."""
    return np.where(hits < trials, beta.isf(error, hits + 1, np.maximum(trials - hits, 1)), 1.0)


def _tests(
    present: Float[np.ndarray, "present"], absent: Float[np.ndarray, "absent"], delta: float, error: float
) -> Iterator[tuple[float, Test]]:
    """The best threshold for either side and either order of the worlds, with the bound it gives on these trials."""
    for sign in (1, -1):
        thresholds = _thresholds(sign * np.concatenate([present, absent]))
        for swapped in (False, True):
            hit, other = (absent, present) if swapped else (present, absent)
            rate = rate_low(_hits(sign * hit, thresholds), len(hit), error)
            bound = _epsilon(rate, rate_high(_hits(sign * other, thresholds), len(other), error), delta)
            yield float(bound.max()), Test(sign, swapped, float(thresholds[bound.argmax()]))


def _thresholds(scores: Float[np.ndarray, "n"]) -> Float[np.ndarray, "m"]:
    """Points half-way between neighbouring scores, evenly among the scores."""
    points = np.unique(np.quantile(scores, np.linspace(0, 1, MOST_THRESHOLDS), method="nearest"))
    return (points[1:] + points[:-1]) / 2 if len(points) > 1 else points


def _hits(scores: Float[np.ndarray, "n"], thresholds: Float[np.ndarray, "m"]) -> Int[np.ndarray, "m"]:
    return len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")


def _epsilon(rate: Float[np.ndarray, "n"], other: Float[np.ndarray, "n"], delta: float) -> Float[np.ndarray, "n"]:
    beyond = rate > delta
    return np.where(beyond, np.log(np.where(beyond, rate - delta, 1.0) / other), -np.inf)
