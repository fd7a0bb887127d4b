"""Negative controls: mechanisms that hide their violation well, each caught by a clause that every mechanism must keep."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from dprdm.guarantee.sampled_mean import SampledMeanMechanism
from dprdm.privacy.distributions import GaussianNoise, Noise
from tests.contracts import mechanisms as clauses
from tests.contracts.mechanisms import COUNT, DIM
from tests.fakes import private_store, unit_rows

CLAUSES = (
    clauses.numbers_of_a_release_share_no_noise,
    clauses.lies_on_the_grid_of_its_noise,
    clauses.is_a_function_of_the_entropy,
)


@dataclass(frozen=True)
class Honest(SampledMeanMechanism):
    name: ClassVar[str] = "honest"
    noise: ClassVar[Noise] = GaussianNoise()
    clip_norm: float = 1.0

    def release(self, queries, store, retriever, noise_std, noise, progress=None):
        means = self.means(queries, self.centres(queries), store, retriever, noise)
        return self.noised(means, noise_std, noise)

    def noised(self, means, noise_std, noise):
        return noise.gaussian(means, noise_std)


class SharesNoiseBetweenQueries(Honest):
    """Queries 2i and 2i + 1 get the same noise: their difference is clean."""

    def noised(self, means, noise_std, noise):
        return means + noise.gaussian(np.zeros(means.shape), noise_std)[np.arange(len(means)) // 2 * 2]


class SharesNoiseBetweenCoordinates(Honest):
    def noised(self, means, noise_std, noise):
        drawn = noise.gaussian(np.zeros(means.shape), noise_std)
        drawn[:, -1] = -drawn[:, 0]
        return np.rint((means + drawn) * 2.0**22) / 2.0**22


class SeededFloat32(Honest):
    """The right distribution, in float32, from a generator that anybody can seed."""

    def noised(self, means, noise_std, noise):
        return means + noise_std * torch.randn(means.shape).double().numpy()


class CleanInTheLowBits(Honest):
    """A part in 10^9 of the clean mean, far below the noise and far above float64's last bit."""

    def noised(self, means, noise_std, noise):
        return noise.gaussian(means, noise_std) + 1e-9 * means


class NoNoiseOnTheLastCoordinate(Honest):
    def noised(self, means, noise_std, noise):
        drawn = noise.gaussian(means, noise_std)
        drawn[:, -1] = np.rint(means[:, -1] * 2.0**22) / 2.0**22
        return drawn


@pytest.fixture
def store(tmp_path):
    return private_store(tmp_path, unit_rows(COUNT, DIM))


@pytest.mark.parametrize(
    ("kind", "caught_by"),
    [
        (SharesNoiseBetweenQueries, {0, 1}),
        (SharesNoiseBetweenCoordinates, {0}),
        (SeededFloat32, {1, 2}),
        (CleanInTheLowBits, {1}),
        (NoNoiseOnTheLastCoordinate, {0, 2}),
        (Honest, set()),
    ],
)
def test_each_violation_is_caught_by_its_clauses(store, kind, caught_by):
    mechanism = kind(k=5, sampling_rate=1.0)
    assert {number for number, holds in enumerate(CLAUSES) if not holds(mechanism, store)} == caught_by
