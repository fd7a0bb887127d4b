"""What every denoiser must keep, whoever wrote it."""

import dataclasses
import inspect
from pathlib import Path

import numpy as np
import pytest

from dprdm.registry import load_all
from tests.plugins.neighbour_means import case
from tests.test_layers import imports

DENOISERS = load_all("denoiser")


@pytest.fixture(params=sorted(DENOISERS))
def denoiser(request):
    return DENOISERS[request.param]()


def test_denoisers_import_nothing_that_reads_private_rows(denoiser):
    found = imports(Path(inspect.getfile(type(denoiser))))
    assert not {
        name for name in found if name.startswith(("dprdm.retrieval", "dprdm.privacy", "dprdm.cli", "dprdm.data"))
    }


def test_it_needs_no_prior_or_says_so(denoiser, tmp_path):
    given = case(tmp_path, 0.1)
    if not denoiser.needs_prior:
        denoiser.denoise(given.queries, given.answered, None)


def test_one_vector_and_one_error_a_query(denoiser, tmp_path):
    given = case(tmp_path, 0.1, 2)
    denoised = denoiser.denoise(given.queries, given.answered, given.prior)
    assert denoised.vectors.shape == given.clean.shape
    assert denoised.noise_std.shape == (len(given.clean),)
    assert np.isfinite(denoised.vectors).all() and (denoised.noise_std >= 0).all()


@pytest.mark.parametrize("noise_std", [0.0, 0.1, 10.0])
def test_it_never_makes_things_worse(denoiser, tmp_path, noise_std):
    given = case(tmp_path, noise_std, 2)
    denoised = denoiser.denoise(given.queries, given.answered, given.prior)
    before, after = (((found - given.clean) ** 2).mean() for found in (given.answered.vectors, denoised.vectors))
    assert after <= before + 1e-12


def test_it_leaves_what_it_was_given_alone_and_repeats_itself(denoiser, tmp_path):
    given = case(tmp_path, 0.2)
    copy = given.answered.vectors.copy()
    first, second = (denoiser.denoise(given.queries, given.answered, given.prior).vectors for _ in range(2))
    assert np.array_equal(first, second) and np.array_equal(given.answered.vectors, copy)


def test_fields_are_public_and_frozen(denoiser):
    assert dataclasses.is_dataclass(denoiser) and type(denoiser).__dataclass_params__.frozen
    assert all(isinstance(value, (int, float, str, bool)) for value in dataclasses.asdict(denoiser).values())
