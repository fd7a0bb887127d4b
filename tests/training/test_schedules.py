"""Learning rates, at the steps that matter."""

import pytest

from dprdm.training.schedules import learning_rate_factor


def test_warms_up_in_equal_steps():
    assert [learning_rate_factor(step, 4, None) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


def test_falls_along_a_half_cosine_to_zero_and_stays_there():
    factors = [learning_rate_factor(step, 10, 110) for step in (9, 10, 60, 110, 500)]
    assert factors == pytest.approx([1, 1, 0.5, 0, 0], abs=1e-12)


def test_a_warmup_longer_than_the_training_is_no_error():
    assert learning_rate_factor(3, 10, 5) == 0.4 and learning_rate_factor(0, 0, None) == 1
