import math

import pytest

from dprdm.errors import UserError
from dprdm.privacy.budget import Budget


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.inf, math.nan])
def test_epsilon_is_positive_and_finite(epsilon):
    with pytest.raises(UserError, match="epsilon="):
        Budget(epsilon, 1e-6)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-6, math.nan])
def test_delta_is_strictly_between_0_and_1(delta):
    with pytest.raises(UserError, match="delta="):
        Budget(1.0, delta)


def test_reads_as_a_sentence_part():
    assert str(Budget(10.0, 1e-6)) == "epsilon 10 at delta 1e-06"
