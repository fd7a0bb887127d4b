"""Estimates: exact without noise, better than the release with it, and never worse than what is public by much."""

import numpy as np
import pytest

from dprdm.codebook.estimate import estimate
from dprdm.codebook.partition import learn_partition
from dprdm.codebook.sums import row_sums, split_weighting
from tests.fakes import unit_rows

DIM = 8


def clustered(count: int, seed: int, weights: np.ndarray | None = None, shift: float = 0.0) -> np.ndarray:
    """Rows around 20 centres, drawn with these weights, each moved by the same small step."""
    draw, centres = np.random.default_rng(seed), unit_rows(20, DIM, seed=77)
    chosen = draw.choice(20, count, p=weights)
    rows = centres[chosen] + 0.15 * draw.normal(size=(count, DIM))
    rows[:, 0] += shift
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


PUBLIC = clustered(2000, 0)
OTHER = np.random.default_rng(1).dirichlet(np.full(20, 0.5))
PRIVATE = clustered(3000, 2, OTHER, shift=0.2)


def truth(partition):
    cells = partition.cells(PRIVATE)[:, -1]
    counts = np.bincount(cells, minlength=len(partition.levels[-1].centroids))
    sums = np.zeros((len(counts), DIM))
    np.add.at(sums, cells, PRIVATE)
    return counts, sums / np.maximum(counts, 1)[:, None]


@pytest.mark.parametrize("sizes", [(80,), (10, 80)])
def test_without_noise_counts_and_means_are_the_private_ones(sizes):
    partition, weighting = learn_partition(PUBLIC, sizes), split_weighting(2.0, 1.0, len(sizes), 0.5)
    mixture = estimate(row_sums(PRIVATE, partition, weighting), partition, weighting, 0.0)
    counts, means = truth(partition)
    assert np.allclose(mixture.counts, counts, atol=1e-3)
    assert np.allclose(mixture.means[counts > 0], means[counts > 0], atol=1e-3)


def errors(noise_std: float, sizes=(80,), seed: int = 3):
    """Root mean square errors of counts and of means (weighted by rows): as estimated, as released, as public."""
    partition, weighting = learn_partition(PUBLIC, sizes), split_weighting(0.5, 0.5, len(sizes), 0.5)
    clean = row_sums(PRIVATE, partition, weighting)
    released = clean + noise_std * np.random.default_rng(seed).normal(size=clean.shape)
    mixture, (counts, means) = estimate(released, partition, weighting, noise_std), truth(partition)
    fine, weight = released[-len(counts) :], weighting.weights[-1]
    raw_counts = fine[:, -1] / weight / weighting.count_weight
    raw_means = partition.levels[-1].centroids + fine[:, :-1] / weight / np.maximum(raw_counts, 1)[:, None]
    public_counts = np.bincount(partition.cells(PUBLIC)[:, -1], minlength=len(counts)) * len(PRIVATE) / len(PUBLIC)

    def count_error(found):
        return float(np.sqrt(((found - counts) ** 2).mean()))

    def mean_error(found):
        return float(np.sqrt((counts[:, None] * (found - means) ** 2).sum() / counts.sum()))

    return (
        (count_error(mixture.counts), count_error(raw_counts), count_error(public_counts)),
        (mean_error(mixture.means), mean_error(raw_means), mean_error(partition.levels[-1].centroids)),
    )


@pytest.mark.parametrize("sizes", [(80,), (10, 80)])
@pytest.mark.parametrize("noise_std", [0.5, 3.0, 10.0])
def test_estimates_are_better_than_the_release_and_than_what_is_public(noise_std, sizes):
    (counts, raw_counts, public_counts), (means, raw_means, public_means) = errors(noise_std, sizes)
    assert counts < 1.05 * min(raw_counts, public_counts)
    assert means < 1.05 * min(raw_means, public_means)


def test_in_noise_that_drowns_everything_what_is_public_stands():
    (counts, *_), (means, _, public_means) = errors(1e4)
    assert np.isfinite([counts, means]).all()
    assert means < 3 * public_means


def test_counts_are_never_negative_and_errors_grow_with_the_noise():
    partition, weighting = learn_partition(PUBLIC, (80,)), split_weighting(0.5, 0.5, 1, 1.0)
    clean = row_sums(PRIVATE, partition, weighting)
    found = []
    for noise_std in (0.1, 1.0, 10.0):
        released = clean + noise_std * np.random.default_rng(0).normal(size=clean.shape)
        found.append(estimate(released, partition, weighting, noise_std))
    assert all((mixture.counts >= 0).all() for mixture in found)
    large = found[0].counts > 30
    assert found[0].errors[large].mean() < found[1].errors[large].mean() < found[2].errors[large].mean()


def test_an_empty_store_is_estimated_as_nothing():
    partition, weighting = learn_partition(PUBLIC, (80,)), split_weighting(0.5, 0.5, 1, 1.0)
    mixture = estimate(np.zeros((partition.num_cells, DIM + 1)), partition, weighting, 1.0)
    assert np.isfinite(mixture.means).all() and mixture.counts.sum() <= 1 + 1e-9
