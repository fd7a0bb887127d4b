"""No denoiser hands on what it was given."""

import numpy as np

from dprdm.plugins.denoisers.none import NoDenoiser
from dprdm.types import Answered
from tests.fakes import unit_rows


def test_it_hands_on_what_was_released():
    answered = Answered(unit_rows(3, 4).astype(np.float64), np.full(3, 0.1))
    assert NoDenoiser().denoise(unit_rows(3, 4, seed=1), answered, None) is answered
