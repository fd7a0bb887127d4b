import os
import random
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from scipy.special import ndtri

from dprdm.errors import UserError
from dprdm.privacy import noise as noise_module
from dprdm.privacy.noise import QUANTILE_ERROR, SecureNoise, grid
from tests.fakes import coins, stream, words
from tests.statistics import laplace_scale_is, scale_is, shape_is_laplace, shape_is_normal, uncorrelated

STD = 0.07
SHAPE = (128, 512)  # so many that an error of 3% goes unseen less than once in a million times


def _oracle(mean: float, std: float, bits: list[int]) -> float:
    """The released number from the bits by definition, 1,000 of them, in long arithmetic; through erfc, not erfinv."""
    step = mpmath.mpf(grid(std))
    with mpmath.workprec(1500):
        number = sum(word << 64 * place for place, word in enumerate(reversed(bits)))
        sign = -1 if bits[0] >> 63 else 1
        tail = mpmath.mpf(number % (1 << (64 * len(bits) - 1))) / mpmath.mpf(2) ** (64 * len(bits))
        guess = mpmath.mpf(float(-ndtri(float(tail))))
        z = mpmath.findroot(lambda t: mpmath.erfc(t / mpmath.sqrt(2)) / 2 - tail, guess)
        return float(mpmath.nint((mpmath.mpf(mean) + sign * mpmath.mpf(std) * z) / step) * step)


@pytest.mark.parametrize("draw", [SecureNoise.gaussian, SecureNoise.laplace])
def test_hazard_01_seeds_change_nothing(draw):
    import torch

    draws = []
    for _ in range(2):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        draws.append(draw(SecureNoise(), np.zeros(SHAPE), STD))
    assert uncorrelated(*draws)
    assert not uncorrelated(draws[0], draws[0])


def test_hazard_02_processes_draw_apart():
    program = (
        "import random, numpy; random.seed(0); numpy.random.seed(0); from dprdm.privacy.noise import SecureNoise;"
        "import sys; sys.stdout.buffer.write(SecureNoise().gaussian(numpy.zeros(20000), 1.0).tobytes())"
    )
    ranks = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "RANK": str(rank)})
        for rank in range(2)
    ]
    first, second = (np.frombuffer(rank.communicate()[0]) for rank in ranks)
    assert first.size == second.size == 20000
    assert uncorrelated(first, second)


def test_hazard_02_forked_processes_draw_apart():
    noise, draws = SecureNoise(), []
    for _ in range(2):
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.write(writer, noise.gaussian(np.zeros(500), 1.0).tobytes())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream_:
            draws.append(np.frombuffer(stream_.read()))
        os.wait()
    assert draws[0].size == 500
    assert uncorrelated(*draws)


def test_scale_and_shape():
    drawn = SecureNoise().gaussian(np.full(SHAPE, 0.25), STD) - 0.25
    assert scale_is(STD, drawn)
    assert shape_is_normal(drawn / STD)


@pytest.mark.parametrize("wrong", [0.97, 1.03])
def test_control_a_scale_wrong_by_3_percent_is_caught(wrong):
    assert not scale_is(STD, SecureNoise().gaussian(np.zeros(SHAPE), wrong * STD))


def test_control_other_shapes_are_caught():
    generator = np.random.default_rng(0)
    assert not shape_is_normal(generator.laplace(0, 2**-0.5, SHAPE))
    assert not shape_is_normal(np.clip(generator.normal(size=SHAPE), -2, 2))


def test_coordinates_and_queries_are_independent():
    drawn = SecureNoise().gaussian(np.zeros(SHAPE), STD)
    assert uncorrelated(drawn[:64], drawn[64:])
    assert uncorrelated(drawn[:, :256], drawn[:, 256:])


def test_laplace_scale_and_shape():
    drawn = SecureNoise().laplace(np.full(SHAPE, 0.25), STD) - 0.25
    assert laplace_scale_is(STD, drawn)
    assert shape_is_laplace(drawn / STD)


@pytest.mark.parametrize("wrong", [0.97, 1.03])
def test_control_a_laplace_scale_wrong_by_3_percent_is_caught(wrong):
    assert not laplace_scale_is(STD, SecureNoise().laplace(np.zeros(SHAPE), wrong * STD))


def test_control_normal_noise_is_no_laplace_noise():
    drawn = SecureNoise().gaussian(np.zeros(SHAPE), 1.0)
    assert not shape_is_laplace(drawn)
    assert not laplace_scale_is(1.0, drawn)


def test_laplace_oracle():
    """The released number from the bits by definition, in long arithmetic; the log by its series, not by mpmath.log."""
    generator = np.random.default_rng(5)
    means, first = generator.normal(size=40), [int(word) for word in generator.integers(0, 2**64, 40, np.uint64)]
    first[:6] = [0, 1, 2**63, 2**63 + 1, 2**63 - 1, 2**64 - 1]  # the ends of both tails
    for mean, word in zip(means, first, strict=True):
        bits = [word, *(int(more) for more in generator.integers(1, 2**64, 15, np.uint64))]
        number = sum(more << 64 * place for place, more in enumerate(reversed(bits)))
        step = mpmath.mpf(grid(STD))
        with mpmath.workprec(1500):
            tail = mpmath.mpf(number % (1 << (64 * len(bits) - 1))) / mpmath.mpf(2) ** (64 * len(bits) - 1)
            size = mpmath.findroot(lambda t: mpmath.exp(-t) - tail, mpmath.mpf(float(-np.log(float(tail)))))  # noqa: B023
            sign = -1 if word >> 63 else 1
            exact = mpmath.mpf(mean) + sign * mpmath.mpf(STD) * size / mpmath.sqrt(2)
            expected = float(mpmath.nint(exact / step) * step)
        assert SecureNoise(stream(bits)).laplace(np.array([mean]), STD)[0] == expected


@pytest.mark.parametrize("draw", [SecureNoise.gaussian, SecureNoise.laplace])
@pytest.mark.parametrize("std", [1e-9, 0.05, 0.0625, 3.0, 1e6])
def test_hazard_15_float64_on_a_grid(draw, std):
    drawn = draw(SecureNoise(), np.full(1000, std / 3, dtype=np.float32), std)
    assert drawn.dtype == np.float64
    assert np.array_equal(np.rint(drawn / grid(std)), drawn / grid(std))
    assert std * 2.0**-21 < grid(std) <= std * 2.0**-20


def test_error_of_the_quantiles():
    generator = np.random.default_rng(0)
    p = np.concatenate([generator.random(300) / 2, 2.0 ** -(1 + 63 * generator.random(300)), [0.5, 0.02425, 2.0**-64]])
    with mpmath.workprec(200):
        exact = [mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(float(value)) - 1) for value in p]
        errors = [abs(mpmath.mpf(float(z)) - e) / (1 + abs(e)) for z, e in zip(ndtri(p), exact, strict=True)]
        logs = [
            abs(mpmath.mpf(float(z)) - mpmath.log(mpmath.mpf(float(v)))) / (1 + abs(z))
            for z, v in zip(np.log(p), p, strict=True)
        ]
    assert float(max(*errors, *logs)) < QUANTILE_ERROR / 1000


def test_oracle():
    generator = np.random.default_rng(1)
    means, first = generator.normal(size=40), [int(word) for word in generator.integers(0, 2**64, 40, np.uint64)]
    first[:6] = [0, 1, 2**63, 2**63 + 1, 2**63 - 1, 2**64 - 1]  # the ends of both tails
    for mean, word in zip(means, first, strict=True):
        bits = [word, *(int(more) for more in generator.integers(1, 2**64, 15, np.uint64))]
        drawn = SecureNoise(stream(bits)).gaussian(np.array([mean]), STD)
        assert drawn[0] == _oracle(mean, STD, bits)


@pytest.mark.parametrize("draw", [SecureNoise.gaussian, SecureNoise.laplace])
def test_the_same_bits_give_the_same_result_whichever_path_decides(monkeypatch, draw):
    mean = np.random.default_rng(2).normal(size=200)
    fast = draw(SecureNoise(coins(3)), mean, STD)
    monkeypatch.setattr(noise_module, "QUANTILE_ERROR", 0.1)  # now nothing is decided in float64
    assert np.array_equal(draw(SecureNoise(coins(3)), mean, STD), fast)


@pytest.mark.parametrize(("more", "side"), [(2**64 - 1, 0), (0, 1)])
def test_bits_that_end_at_a_rounding_boundary_ask_for_more(more, side):
    """64 bits chosen so that the boundary between two grid points lies inside their interval: the next word decides."""
    step, cell = grid(STD), 123_456
    with mpmath.workprec(500):
        boundary = (cell + mpmath.mpf(0.5)) * step / mpmath.mpf(STD)
        word = int(mpmath.floor(mpmath.erfc(boundary / mpmath.sqrt(2)) * mpmath.mpf(2) ** 63))
    asked = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return words(word if len(asked) == 1 else more)(8) * (size // 8)

    drawn = SecureNoise(entropy).gaussian(np.zeros(1), STD)
    assert len(asked) > 1
    assert drawn[0] == (cell + side) * step


def test_tails_reach_beyond_what_64_bits_can_say():
    drawn = SecureNoise(words(0, 5, 9)).gaussian(np.zeros(1), 1.0)
    assert drawn[0] > 12


def test_fast_enough_to_refine_and_still_draw_millions():
    calls = []

    def entropy(size: int) -> bytes:
        calls.append(size)
        return os.urandom(size)

    SecureNoise(entropy).gaussian(np.zeros(1 << 19), STD)
    assert len(calls) - 1 < 100  # draws that needed more bits


@pytest.mark.parametrize("draw", [SecureNoise.gaussian, SecureNoise.laplace])
@pytest.mark.parametrize("mean", [np.nan, np.inf, 1e30])
def test_what_is_not_a_finite_number_is_refused(draw, mean):
    with pytest.raises(UserError, match="finite"):
        draw(SecureNoise(), np.array([0.0, mean]), 1.0)


@pytest.mark.parametrize("draw", [SecureNoise.gaussian, SecureNoise.laplace])
@pytest.mark.parametrize("noise_std", [0.0, -1.0, np.nan, np.inf])
def test_noise_must_be_positive(draw, noise_std):
    with pytest.raises(UserError, match="noise_std"):
        draw(SecureNoise(), np.zeros(3), noise_std)


def test_nothing_to_draw():
    assert SecureNoise().gaussian(np.zeros((0, 8)), 1.0).shape == (0, 8)


def test_source_says_when_coins_were_injected():
    assert SecureNoise().source == "os.urandom"
    assert "tests only" in SecureNoise(coins(0)).source


@pytest.mark.parametrize("rate", [0.5, 0.3, 1e-3, 1e-9])
def test_geometric_oracle(rate):
    drawn = SecureNoise(coins(4)).geometric(300, rate, 10**15)
    uniforms = np.frombuffer(coins(4)(2400), "<u8")
    with mpmath.workprec(300):
        for number, word in zip(drawn, uniforms, strict=True):
            low, high = (
                mpmath.log(mpmath.mpf(int(word) + end) / 2**64) / mpmath.log(1 - mpmath.mpf(rate)) for end in (1, 0)
            )
            assert mpmath.floor(low) == mpmath.floor(high) == number


def test_geometric_decides_the_boundary_exactly():
    # A rate of one half: U in [1/4, 1/2) is one failure. The words on both sides of 1/4 must fall on its two sides.
    quarter = 1 << 62
    noise = SecureNoise(words(quarter - 1, quarter, *[7] * 8))
    assert noise.geometric(2, 0.5, 100).tolist() == [2, 1]


def test_geometric_stops_at_the_limit():
    assert SecureNoise(words(0, 1, 9, 9)).geometric(2, 1e-12, 1000).tolist() == [1000, 1000]
