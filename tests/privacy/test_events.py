import json

import pytest
from dp_accounting import dp_event
from hypothesis import given
from hypothesis import strategies as st

from dprdm.errors import UserError
from dprdm.privacy import events

numbers = st.floats(1e-3, 1e3)
noised = st.builds(dp_event.GaussianDpEvent, numbers) | st.builds(dp_event.LaplaceDpEvent, numbers)
sampled = st.builds(dp_event.PoissonSampledDpEvent, st.floats(1e-6, 1.0), noised)
leaves = noised | sampled | st.just(dp_event.NonPrivateDpEvent()) | st.just(dp_event.NoOpDpEvent())
trees = st.recursive(
    leaves,
    lambda inner: (
        st.builds(dp_event.SelfComposedDpEvent, inner, st.integers(1, 1000))
        | st.lists(inner, max_size=3).map(dp_event.ComposedDpEvent)
    ),
    max_leaves=6,
)


@given(trees)
def test_json_and_back(event):
    assert events.from_json(json.loads(json.dumps(events.to_json(event)))) == event


@given(st.lists(trees, max_size=4))
def test_composing_keeps_every_count(several):
    apart = events.count_equal(several)
    assert events.count_equal([events.compose(several)]) == apart


def test_equal_events_are_counted_together():
    many = [events.sampled_gaussian(1.0, 0.1, 3)] * 500
    assert dict(events.base_events(events.compose(many))) == {
        dp_event.PoissonSampledDpEvent(0.1, dp_event.GaussianDpEvent(1.0)): 1500
    }


def test_no_sampling_is_a_plain_gaussian():
    assert events.sampled_gaussian(2.0, 1.0, 3) == dp_event.SelfComposedDpEvent(dp_event.GaussianDpEvent(2.0), 3)


@pytest.mark.parametrize("content", [{}, {"event": "laplace"}, {"event": "gaussian", "noise_multiplier": "1"}])
def test_other_content_is_refused(content):
    with pytest.raises(UserError, match="privacy event"):
        events.from_json(content)


def test_other_events_are_refused():
    with pytest.raises(UserError, match="Gaussians"):
        events.to_json(dp_event.DiscreteLaplaceDpEvent(1.0, 1))
