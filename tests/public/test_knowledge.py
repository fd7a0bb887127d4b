"""Thinning keeps rows and captions together."""

import numpy as np
import pytest

from dprdm.public.knowledge import evenly
from tests.fakes import public_knowledge


def test_thinned_rows_keep_their_captions(tmp_path):
    known = public_knowledge(tmp_path, 100, 8)
    few = known.thinned(10)
    assert len(few.rows) == len(few.caption_of) == 10
    for row, caption in zip(few.rows, few.caption_of, strict=True):
        position = int(np.flatnonzero((known.rows == row).all(axis=1))[0])
        assert known.caption_of[position] == caption
    assert known.thinned(100) is known


@pytest.mark.parametrize(("length", "most", "expected"), [(5, 9, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (1, 1, [0])])
def test_evenly(length, most, expected):
    assert evenly(length, most).tolist() == expected
