import numpy as np
import pytest

from dprdm.metrics.retrieval import Truth, class_means, class_ranks, nearest_rows
from tests.fakes import unit_rows

# Eight directions of the plane, 45 degrees apart.
ANGLES = np.arange(8) * np.pi / 4
ROWS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


def towards(degrees):
    return np.array([[np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]])


@pytest.fixture
def truth():
    """Asked at 5 degrees, with three neighbours: rows 0, 1 and 7."""
    return Truth.of(towards(5).astype(np.float32), ROWS, 3)


def test_the_truth_by_hand(truth):
    assert set(truth.nearest[0]) == {0, 1, 7}
    np.testing.assert_allclose(truth.means, [[(1 + 2**0.5) / 3, 0]], atol=1e-6)
    assert set(truth.nearest_to_means[0]) == {0, 1, 7}


@pytest.mark.parametrize(
    ("degrees", "recall", "rank"),
    [(0, 1, 2), (40, 2 / 3, 3), (85, 1 / 3, 4), (185, 0, 7)],
)
def test_turned_by_hand(truth, degrees, recall, rank):
    vector = 3 * towards(degrees)
    assert truth.cosines(vector)[0] == pytest.approx(np.cos(np.radians(degrees)), abs=1e-6)
    assert truth.recalls(vector)[0] == pytest.approx(recall)
    # At 0 degrees rows 1 and 7 are tied at the second place, and a tie counts as the better place.
    assert truth.median_ranks(vector)[0] == pytest.approx(rank, abs=1)


def test_median_rank_of_the_best_is_the_middle_one():
    rows, query = unit_rows(50, 6), unit_rows(1, 6, 3)
    assert Truth.of(query, rows, 5).median_ranks(query.astype(float))[0] == 3


def test_nearest_rows_agree_with_sorting():
    rows, vectors = unit_rows(200, 6), unit_rows(300, 6, 4).astype(float)
    near, sorted_rows = (
        nearest_rows(vectors, rows, 9),
        np.argsort(-(vectors.astype(np.float32) @ rows.T), axis=1)[:, :9],
    )
    np.testing.assert_array_equal(np.sort(near, axis=1), np.sort(sorted_rows, axis=1))


def test_class_ranks_by_hand():
    means = class_means(ROWS, np.array([0, 0, 1, 1, 2, 2, 3, 3]), 4)  # at 22.5, 112.5, 202.5, 292.5 degrees
    np.testing.assert_allclose(means[0], towards(22.5)[0], atol=1e-6)
    vectors = np.concatenate([towards(30), towards(30), towards(30), np.zeros((1, 2))])
    right = np.array([0, 1, 2, 0])
    np.testing.assert_allclose(class_ranks(vectors, means, right), [1, 2, 4, 2.5])
