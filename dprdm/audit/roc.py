"""How well an attack tells members from others: ROC, its area, and the true positive rate at a low false positive rate.

Averages hide what matters: an attack that is sure of a few members and knows nothing of the rest breaks their privacy and has
an area near one half. So the rate at 1% false positives is what is reported first.

Source: Carlini et al. 2022 (arXiv 2112.03570), section 3; the ceiling: Kairouz, Oh, Viswanath 2015 (arXiv 1311.0776).
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from dprdm import check
from dprdm.audit.bounds import rate_high, rate_low

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A value and its 95% interval."""

    value: float
    low: float
    high: float


class Roc(NamedTuple):
    """Rates at every threshold, from the strictest: both rise from 0 to 1."""

    false_positive: Float[np.ndarray, "point"]
    true_positive: Float[np.ndarray, "point"]


def roc(scores: Float[np.ndarray, "n"], is_member: Bool[np.ndarray, "n"]) -> Roc:
    """Return the rates of "member if the score is at least t", for every t. Equal scores fall together.

    Raises:
        UserError: if there are no members, or nothing else.
    """
    _both(is_member)
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(is_member[order])[ends]
    alarms = ends + 1 - hits
    return Roc(np.append(0, alarms) / (~is_member).sum(), np.append(0, hits) / is_member.sum())


def area(scores: Float[np.ndarray, "n"], is_member: Bool[np.ndarray, "n"]) -> float:
    """Return the chance that a member scores above another, ties counted half (Mann and Whitney 1947): 0.5 is guessing."""
    _both(is_member)
    members, others = int(is_member.sum()), int((~is_member).sum())
    return float((rankdata(scores)[is_member].sum() - members * (members + 1) / 2) / (members * others))


def rate_at(scores: Float[np.ndarray, "n"], is_member: Bool[np.ndarray, "n"], false_positive: float) -> Interval:
    """Return the largest true positive rate at a false positive rate of at most this, with Clopper and Pearson's 95% interval.

    The interval counts scores as independent, and the threshold as given.
    """
    check.in_range(0.0, 1.0, false_positive=false_positive)
    curve, members = roc(scores, is_member), int(is_member.sum())
    value = float(curve.true_positive[curve.false_positive <= false_positive].max())
    hits, error = np.array([round(value * members)]), (1 - CONFIDENCE) / 2
    return Interval(value, float(rate_low(hits, members, error)[0]), float(rate_high(hits, members, error)[0]))


def area_interval(
    scores: Float[np.ndarray, "trial candidate"],
    is_member: Bool[np.ndarray, "trial candidate"],
    generator: np.random.Generator,  # noqa: TID251 - of a bootstrap, never of a private draw
    resamples: int = 200,
) -> Interval:
    """Return the area over all trials and candidates; its 95% interval by drawing candidates, with all their trials, again."""
    areas = []
    for _ in range(resamples):
        drawn = generator.integers(scores.shape[1], size=scores.shape[1])
        if 0 < is_member[:, drawn].mean() < 1:
            areas.append(area(scores[:, drawn].ravel(), is_member[:, drawn].ravel()))
    low, high = np.quantile(areas, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(area(scores.ravel(), is_member.ravel()), float(low), float(high))


def ceiling(false_positive: float, epsilon: float, delta: float) -> float:
    """Bound what (epsilon, delta)-privacy allows any attack: the smaller of two bounds of the true positive rate.

    TPR <= e^epsilon * FPR + delta   and   1 - TPR >= e^-epsilon * (1 - FPR - delta).
    """
    check.in_range(0.0, 1.0, false_positive=false_positive)
    grown = math.exp(min(epsilon, 700.0)) * false_positive + delta
    return min(1.0, grown, 1 - math.exp(-epsilon) * max(0.0, 1 - false_positive - delta))


def _both(is_member: Bool[np.ndarray, "n"]) -> None:
    members = int(is_member.sum())
    check.at_least(1, members=members)
    check.at_least(1, others=len(is_member) - members)
