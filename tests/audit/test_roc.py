import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score, roc_curve

from dprdm.audit.roc import area, area_interval, ceiling, rate_at, roc
from dprdm.errors import UserError


@pytest.fixture(params=[4, 400], ids=["many ties", "few ties"])
def scored(request):
    rng = np.random.default_rng(request.param)
    is_member = rng.random(500) < 0.4
    return np.floor(request.param * (rng.random(500) + 0.3 * is_member)), is_member


def test_agrees_with_scikit_learn(scored):
    scores, is_member = scored
    ours, (false_positive, true_positive, _) = roc(*scored), roc_curve(is_member, scores, drop_intermediate=False)
    np.testing.assert_allclose(ours.false_positive, false_positive)
    np.testing.assert_allclose(ours.true_positive, true_positive)
    assert area(*scored) == pytest.approx(roc_auc_score(is_member, scores))


def test_rate_at_a_false_positive_rate(scored):
    scores, is_member = scored
    false_positive, true_positive, _ = roc_curve(is_member, scores, drop_intermediate=False)
    found = rate_at(scores, is_member, 0.1)
    assert found.value == true_positive[false_positive <= 0.1].max()
    hits = round(found.value * is_member.sum())
    exact = binomtest(hits, int(is_member.sum())).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_equal_scores_are_no_information():
    is_member = np.arange(100) % 2 == 0
    assert area(np.zeros(100), is_member) == 0.5
    assert rate_at(np.zeros(100), is_member, 0.01).value == 0


def test_interval_of_the_area_holds_the_truth_and_shrinks():
    rng = np.random.default_rng(0)
    widths = []
    for candidates in (50, 800):
        is_member = rng.random((10, candidates)) < 0.5
        scores = rng.normal(size=is_member.shape) + is_member  # area Phi(1 / sqrt 2)
        found = area_interval(scores, is_member, rng)
        assert found.low < 0.7602 < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize(
    ("epsilon", "delta", "allowed"),
    [(0.0, 0.0, 0.01), (1.0, 0.0, 0.0271828), (10.0, 0.0, 1 - 4.494e-5), (0.0, 0.5, 0.51), (1e6, 0.0, 1.0)],
)
def test_ceiling(epsilon, delta, allowed):
    assert ceiling(0.01, epsilon, delta) == pytest.approx(allowed, rel=1e-4)


def test_ceiling_takes_the_tighter_bound():
    assert ceiling(0.5, 1.0, 0.0) == pytest.approx(1 - np.exp(-1) * 0.5)


def test_needs_both_kinds():
    with pytest.raises(UserError, match="others=0"):
        roc(np.arange(3.0), np.ones(3, bool))
    with pytest.raises(UserError, match="members=0"):
        area(np.arange(3.0), np.zeros(3, bool))
