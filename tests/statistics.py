"""Statistical checks that every module's tests share, at one false-alarm rate. Chi-square for scale, KS for shape."""

import numpy as np
from scipy import stats

# Chance that a test fails although all is well. Each use has a negative control beside it that must be caught.
FALSE_ALARM = 1e-6


def scale_is(std: float, values: np.ndarray) -> bool:
    """Whether zero-mean normal `values` may have standard deviation `std`."""
    statistic = float(np.sum((values / std) ** 2))
    low, high = stats.chi2.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], values.size)
    return bool(low <= statistic <= high)


def shape_is_normal(values: np.ndarray) -> bool:
    """Whether `values`, in units of their standard deviation, may be standard normal."""
    return bool(stats.kstest(values.ravel(), "norm").pvalue > FALSE_ALARM)


def laplace_scale_is(std: float, values: np.ndarray) -> bool:
    """Whether zero-mean Laplace `values` may have standard deviation `std`: their sizes are exponential."""
    statistic = float(np.abs(values).sum() * np.sqrt(2) / std)
    low, high = stats.gamma.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], values.size)
    return bool(low <= statistic <= high)


def shape_is_laplace(values: np.ndarray) -> bool:
    """Whether `values`, in units of their standard deviation, may be Laplace numbers."""
    return bool(stats.kstest(values.ravel(), stats.laplace(scale=2**-0.5).cdf).pvalue > FALSE_ALARM)


def uncorrelated(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two arrays of normal numbers may be independent."""
    return bool(stats.pearsonr(first.ravel(), second.ravel()).pvalue > FALSE_ALARM)


def columns_are_independent(values: np.ndarray) -> bool:
    """Whether no two columns may depend on each other monotonically: rank correlations, whatever the distribution."""
    count, width = values.shape
    ranks = stats.rankdata(values, axis=0) - (count + 1) / 2
    spread = np.linalg.norm(ranks, axis=0)
    if not np.all(spread > 0):  # a constant column holds no noise at all
        return False
    largest = np.abs(np.triu((ranks.T @ ranks) / np.outer(spread, spread), 1)).max()
    allowed = stats.norm.isf(FALSE_ALARM / (width * (width - 1))) / np.sqrt(count - 1)
    return bool(largest <= allowed)


def counts_fit(observed: np.ndarray, expected: np.ndarray) -> bool:
    """Whether observed counts may come from the expected ones, by chi-square; cells are merged until each expects 10."""
    cells = np.cumsum(expected) // 10
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    merged = [np.add.reduceat(values, starts) for values in (observed, expected)]
    statistic = np.sum((merged[0] - merged[1]) ** 2 / merged[1])
    return bool(stats.chi2.sf(statistic, len(starts) - 1) > FALSE_ALARM)
