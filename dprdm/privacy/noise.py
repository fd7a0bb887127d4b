"""Private randomness: the one place where it enters, from the operating system, and distributed exactly as accounted.

Source: Mironov, On significance of the least significant bits for differential privacy (CCS 2012): noise computed in
floating point leaves holes that give the noiseless value away. Here no number is drawn in floating point. A draw is an
interval of the real uniform variable, as many bits of it as it takes to know to which grid point the exact real result
rounds.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import numpy as np
from jaxtyping import Float, Int, UInt
from scipy.special import ndtri

from dprdm import check
from dprdm.errors import UserError

# The grid of a release is the power of two in (noise_std * 2^-21, noise_std * 2^-20].
GRID_BITS = 20
# Largest mean, in units of the noise: keeps counts of grid steps below 2^45, so that float64 holds their fractions.
LARGEST_MEAN = 2.0**24
# scipy's ndtri and numpy's log err by up to 3e-16 * (1 + |z|) against mpmath (tests/privacy/test_noise.py::
# test_error_of_the_quantiles): allow 3,000 times that.
QUANTILE_ERROR = 1e-12
CHUNK = 1 << 19


@dataclass(frozen=True)
class SecureNoise:
    """Draws for private releases. Keeps no state: nothing to seed, save, fork or share.

    Args:
        entropy: n random bytes. Anything but `os.urandom` is for tests, and `source` says so in the certificate.
    Guarantee:
        - Seeding torch, numpy or Python changes nothing
          (tests/privacy/test_noise.py::test_hazard_01_seeds_change_nothing).
        - Processes and ranks never share draws (tests/privacy/test_noise.py::test_hazard_02_processes_draw_apart).
    """

    entropy: Callable[[int], bytes] = os.urandom

    @property
    def source(self) -> str:
        """Say where the bytes come from, for the certificate."""
        return "os.urandom" if self.entropy is os.urandom else "injected, for tests only"

    def bits(self, count: int) -> UInt[np.ndarray, "count"]:
        """Return `count` independent words of 64 random bits."""
        return np.frombuffer(self.entropy(8 * count), dtype="<u8").astype(np.uint64)

    def gaussian(self, mean: Float[np.ndarray, "..."], noise_std: float) -> Float[np.ndarray, "..."]:
        """Return mean + noise_std * Z, Z standard normal, each its own, rounded to the nearest multiple of `grid(noise_std)`.

        The result is the rounding of the real-valued Gaussian mechanism, exactly. Rounding to a fixed grid is
        post-processing, so the guarantee is the real mechanism's: no holes, no gaps in the tails, no allowance.
        U, the tail probability of |Z|, is known to lie in an interval of 2^-64; Z is monotone in U; so the result is
        decided when both ends, widened by the error of their computation, round to one grid point. About one draw in
        10^5 is not decided by 64 bits and double precision: it gets more bits, and precision to match, until it is.

        Args:
            mean: float64, at most 2^24 noise_std in size.
            noise_std: above 0, and not so small that its grid is subnormal.
        Raises:
            UserError: if a mean is not finite or too large.
        Guarantee:
            - Same bits, same result as an oracle in 300-bit arithmetic (tests/privacy/test_noise.py::test_oracle).
            - Hazard 15: float64 throughout, on the CPU (tests/privacy/test_noise.py::test_hazard_15_float64_on_a_grid).
        """
        return self._add(mean, noise_std, NORMAL)

    def laplace(self, mean: Float[np.ndarray, "..."], noise_std: float) -> Float[np.ndarray, "..."]:
        """Return mean + noise_std * Z, Z of the Laplace distribution with variance 1, as `gaussian` does for the normal.

        |Z| = -log(U) / sqrt(2), U uniform: the noise has the scale noise_std / sqrt(2).

        Args:
            mean: float64, at most 2^24 noise_std in size.
            noise_std: above 0, and not so small that its grid is subnormal.
        Raises:
            UserError: if a mean is not finite or too large.
        Guarantee:
            - Same bits, same result as an oracle in long arithmetic (tests/privacy/test_noise.py::test_laplace_oracle).
            - Scale and shape are those accounted (tests/privacy/test_noise.py::test_laplace_scale_and_shape).
        """
        return self._add(mean, noise_std, LAPLACE)

    def geometric(self, count: int, rate: float, limit: int) -> Int[np.ndarray, "count"]:
        """Return `count` numbers of failures before a success of probability `rate`, exact; those above `limit` come as that.

        floor(log U / log(1 - rate)), U uniform, by the same intervals of U as `gaussian`.
        """
        words = self.bits(count)
        log_miss = math.log1p(-rate)
        with np.errstate(divide="ignore"):
            high = np.log(words * 2.0**-64) / log_miss
            low = np.log((words + 1.0) * 2.0**-64) / log_miss
        slack = 2.0**-50 / -log_miss + high * 1e-13
        low, high = np.floor(np.maximum(low - slack, 0)), np.floor(high + slack)
        for index in np.flatnonzero((low != high) & (low < limit)):
            low[index] = self._decide(int(words[index]), 64, lambda u: mpmath.log(u) / mpmath.log1p(-mpmath.mpf(rate)))
        return np.minimum(low, limit).astype(np.int64)

    def _add(self, mean: Float[np.ndarray, "..."], noise_std: float, shape: "_Standard") -> Float[np.ndarray, "..."]:
        step = grid(noise_std)
        mean = np.asarray(mean, dtype=np.float64)
        if mean.size and not np.abs(mean).max() <= LARGEST_MEAN * noise_std:
            raise UserError("Expected finite values of at most 2^24 noise_std to add noise to.")
        flat = mean.reshape(-1) / step  # exact: the step is a power of two
        pieces = [
            self._rounded(flat[start : start + CHUNK], noise_std / step, shape) for start in range(0, flat.size, CHUNK)
        ]
        return (np.concatenate(pieces) * step if pieces else flat).reshape(mean.shape)

    def _rounded(self, mean: Float[np.ndarray, "n"], std: float, shape: "_Standard") -> Float[np.ndarray, "n"]:
        """Return the integers nearest to mean + std * Z, as float64. One bit is the sign, 63 are the tail of |Z|."""
        words = self.bits(mean.size)
        sign = np.where(words >> np.uint64(63), -1.0, 1.0)
        tail = words & np.uint64(2**63 - 1)
        near, far = shape.magnitude((tail + 1.0) * 2.0**-63), shape.magnitude(tail.astype(np.float64) * 2.0**-63)
        slack = std * QUANTILE_ERROR * (1 + far) + np.abs(mean) * 2.0**-50
        ends = np.rint(mean + sign * (std * near) - sign * slack), np.rint(mean + sign * (std * far) + sign * slack)
        for index in np.flatnonzero(ends[0] != ends[1]):
            ends[0][index] = self._decide(int(tail[index]), 63, shape.nearest(mean[index], std, sign[index]))
        return np.asarray(ends[0])

    def _decide(self, numerator: int, num_bits: int, value: Callable[[mpmath.mpf], mpmath.mpf]) -> int:
        """Return floor(value(U)), U uniform in [numerator, numerator + 1] / 2^num_bits, with as many more bits as it takes."""
        while True:
            with mpmath.workprec(2 * num_bits + 128):
                slack = mpmath.mpf(2) ** -(num_bits + 64)
                ends = [value(mpmath.ldexp(end, -num_bits)) for end in (numerator, numerator + 1) if end]
                if len(ends) == 2:
                    low, high = (mpmath.floor(min(ends) - slack), mpmath.floor(max(ends) + slack))
                    if low == high:
                        return int(low)
            numerator, num_bits = (numerator << 64) + int(self.bits(1)[0]), num_bits + 64


def grid(noise_std: float) -> float:
    """Return the power of two to multiples of which a release with this noise is rounded: about noise_std / 10^6.

    Raises:
        UserError: if `noise_std` is not a positive number of ordinary size.
    """
    check.in_range(1e-200, 1e200, noise_std=noise_std)
    return math.ldexp(1.0, math.frexp(noise_std)[1] - 1 - GRID_BITS)


@dataclass(frozen=True)
class _Standard:
    """A symmetric distribution of variance 1, by the size that |Z| exceeds with a given probability.

    Args:
        magnitude: of probabilities in [0, 1], in float64.
        exact: the same of one probability, in the working precision of mpmath.
    """

    magnitude: Callable[[Float[np.ndarray, "n"]], Float[np.ndarray, "n"]]
    exact: Callable[[mpmath.mpf], mpmath.mpf]

    def nearest(self, mean: float, std: float, sign: float) -> Callable[[mpmath.mpf], mpmath.mpf]:
        """Return u -> mean + std * Z + 1/2, Z of this sign and |Z| of tail probability u. Its floor is the nearest integer."""

        def value(u: mpmath.mpf) -> mpmath.mpf:
            return mpmath.mpf(float(mean)) + float(sign) * float(std) * self.exact(u) + mpmath.mpf(0.5)

        return value


def _laplace_magnitude(tail: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(tail) / math.sqrt(2))


NORMAL = _Standard(lambda tail: -ndtri(tail / 2), lambda u: mpmath.sqrt(2) * mpmath.erfinv(1 - u))
LAPLACE = _Standard(_laplace_magnitude, lambda u: -mpmath.log(u) / mpmath.sqrt(2))
