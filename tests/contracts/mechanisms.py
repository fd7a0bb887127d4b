"""How the contract tests prepare mechanisms, and the clauses on noise, as functions that a broken mechanism fails."""

import random

import numpy as np

from dprdm.guarantee.mechanism import OneReleaseMechanism, Preparable, Terms
from dprdm.plugins.retrievers.exact import Exact
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise, grid
from tests.fakes import coins, public_knowledge, unit_rows
from tests.statistics import columns_are_independent

COUNT, DIM, QUERIES = 40, 8, 3
TINY = 1e-6  # noise so small that the release shows what was noised
NOISE_STD = 0.3


def prepared(mechanism, folder):
    """With small settings, and what it leaves open decided on public rows."""
    mechanism = mechanism if mechanism.tuning is None else mechanism.tuned(5, 1.0)
    if not isinstance(mechanism, Preparable):
        return mechanism
    terms = Terms(Budget(1.0, 1e-5), QUERIES, COUNT)
    return mechanism.prepare(public_knowledge(folder / "public", 120, DIM), terms)


def queries():
    """Of the stores' dimension."""
    return unit_rows(QUERIES, DIM, seed=5).astype(np.float64)


def released(mechanism, store, noise_std=TINY, noise=None):
    """What is published: one row a query, or the one array that answers all."""
    noise_std = noise_std if mechanism.is_private else 0.0
    if isinstance(mechanism, OneReleaseMechanism):
        return mechanism.release(store, noise_std, noise or SecureNoise()).array
    return mechanism.release(queries(), store, Exact(), noise_std, noise or SecureNoise())


def numbers_of_a_release_share_no_noise(mechanism, store) -> bool:
    """No two queries of one release, and no two coordinates, have noise in common; 200 releases tell."""
    drawn = np.stack([released(mechanism, store, NOISE_STD).ravel() for _ in range(200)])
    return columns_are_independent(drawn)


def lies_on_the_grid_of_its_noise(mechanism, store) -> bool:
    """Every number, less the public centre, is a multiple of the noise's grid: nothing hides in the bits below it."""
    numbers = np.stack([released(mechanism, store, NOISE_STD) for _ in range(20)])
    is_centred = not isinstance(mechanism, OneReleaseMechanism)
    steps = (numbers - mechanism.centres(queries()) if is_centred else numbers) / grid(NOISE_STD)
    # Adding a centre rounds to float64, 2^-30 of a step; without one there is nothing to forgive.
    allowed = 2.0**-24 if is_centred and mechanism.centres(queries()).any() else 0.0
    return bool(np.abs(steps - np.rint(steps)).max() <= allowed)


def is_a_function_of_the_entropy(mechanism, store) -> bool:
    """With the same bytes the same release, whatever else is seeded; with other bytes every number is another."""
    import torch

    releases = []
    for seed, bytes_ in ((0, coins(1)), (1, coins(1)), (0, coins(2))):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        releases.append(released(mechanism, store, NOISE_STD, SecureNoise(bytes_)))
    first, again, other = releases
    return bool(np.array_equal(first, again) and (first != other).all())
