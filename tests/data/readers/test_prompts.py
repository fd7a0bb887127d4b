"""A source of prompts holds no image, and says so."""

import pytest

from dprdm.data.readers.prompts import PromptsOnly
from dprdm.errors import UserError


def test_suggests_what_it_was_given_and_holds_nothing():
    source = PromptsOnly(["a bag", "a coat"])
    assert list(source.prompts()) == ["a bag", "a coat"] and len(source) == 0
    for ask in (source.image, source.caption, source.key):
        with pytest.raises(UserError, match="this source holds prompts only"):
            ask(0)
