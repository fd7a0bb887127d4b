import numpy as np
import pytest

from dprdm.errors import UserError
from dprdm.guarantee.request import Request, key_of_0_4, list_requests, request_key

SETTINGS = {"noise_std": 0.1, "store": "a"}
QUERY = np.array([0.6, 0.8])


def test_prompt_by_prompt_each_distinct_one_as_often_as_is_wanted():
    assert list_requests(["bag", "coat", "bag"], 2) == (
        Request("bag", 0), Request("bag", 1), Request("coat", 0), Request("coat", 1),
    )  # fmt: skip


def test_the_same_text_written_otherwise_is_the_same_request():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert list_requests([composed, decomposed, f"  {composed}\n"], 1) == (Request(composed, 0),)


@pytest.mark.parametrize("prompts", [[], [""], ["bag", " \n"]])
def test_a_prompt_without_text_is_refused(prompts):
    with pytest.raises(UserError, match="Expected a prompt"):
        list_requests(prompts, 1)


def test_keys_differ_where_requests_do():
    requests = [
        (Request("bag", 0), SETTINGS),
        (Request("bag", 1), SETTINGS),
        (Request("Bag", 0), SETTINGS),
        (Request("bag", 0), {**SETTINGS, "noise_std": 0.2}),
        (Request("bag", 0), {**SETTINGS, "store": "b"}),
        (None, SETTINGS),
    ]
    assert len({request_key(*request) for request in requests}) == len(requests)
    same = request_key(Request("bag", 0), {"mechanism": {"k": 5, "rate": 1.0}, "store": "a"})
    assert same == request_key(Request("bag", 0), {"store": "a", "mechanism": {"rate": 1, "k": 5}})


def test_keys_of_0_4_differ_where_requests_do():
    requests = [
        (QUERY, 0, SETTINGS),
        (QUERY, 1, SETTINGS),
        (QUERY[::-1], 0, SETTINGS),
        (QUERY, 0, {**SETTINGS, "noise_std": 0.2}),
        (QUERY, 0, {**SETTINGS, "store": "b"}),
        (None, 0, SETTINGS),
    ]
    assert len({key_of_0_4(*request) for request in requests}) == len(requests)
    same = key_of_0_4(QUERY.astype(np.float32).astype(np.float64), 0, SETTINGS)
    assert same == key_of_0_4(QUERY.astype(np.float32), 0, dict(reversed(SETTINGS.items())))
