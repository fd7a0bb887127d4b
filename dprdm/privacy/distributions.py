"""Distributions of noise, as values: what a mechanism names, and accountant, ledger and draw read from it alike.

`noise_std` is the standard deviation of the noise in each coordinate, whatever the distribution; `noise_multiplier` is
noise_std / sensitivity, with the sensitivity in the norm that the distribution names.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from dp_accounting import dp_event
from dp_accounting.dp_event import DpEvent
from jaxtyping import Float
from numpy import ndarray

from dprdm import check
from dprdm.privacy.events import poisson_sampled
from dprdm.privacy.noise import SecureNoise


@dataclass(frozen=True)
class Noise(ABC):
    """A distribution of independent noise in every coordinate. A subclass is a final frozen dataclass without data."""

    # Order of the norm in which sensitivities are stated and rows are clipped: 1 or 2.
    norm: ClassVar[Literal[1, 2]]

    @abstractmethod
    def once(self, noise_multiplier: float) -> DpEvent:
        """Return what one release with this noise costs, for the accountant."""

    def event(self, noise_multiplier: float, sampling_rate: float = 1.0, count: int = 1) -> DpEvent:
        """Return what `count` releases cost, each of its own Poisson sample; a `sampling_rate` of 1 is no sampling."""
        return poisson_sampled(self.once(noise_multiplier), sampling_rate, count)

    def require_std(self, noise_std: float) -> None:
        """Raise UserError unless this may be the standard deviation: a finite number above 0, but for `NoNoise`."""
        check.positive(noise_std=noise_std)

    @abstractmethod
    def add(self, values: Float[ndarray, "..."], noise_std: float, source: SecureNoise) -> Float[ndarray, "..."]:
        """Return `values` plus noise of this standard deviation, rounded to multiples of `privacy.noise.grid(noise_std)`.

        Args:
            values: float64. PRIVATE; what comes back is not.
            source: draws the noise.
        Raises:
            UserError: if a value is not finite or too large, or `noise_std` does not suit the distribution.
        """


@final
@dataclass(frozen=True)
class GaussianNoise(Noise):
    """Normal noise, N(0, noise_std^2): for sensitivities in the L2 norm."""

    norm: ClassVar[Literal[1, 2]] = 2

    def once(self, noise_multiplier: float) -> DpEvent:
        """Return a Gaussian event."""
        return dp_event.GaussianDpEvent(noise_multiplier)

    def add(self, values: Float[ndarray, "..."], noise_std: float, source: SecureNoise) -> Float[ndarray, "..."]:
        """Return `values` plus normal noise. See `SecureNoise.gaussian`."""
        return source.gaussian(values, noise_std)


@final
@dataclass(frozen=True)
class LaplaceNoise(Noise):
    """Laplace noise of scale b = noise_std / sqrt(2), with density exp(-|x| / b) / 2b: for sensitivities in the L1 norm.

    One release costs epsilon = sensitivity / b and no delta. Over many coordinates it is dominated by a single one that
    moves by the whole sensitivity: trade-off functions of coordinates that move one after another compose as those of a
    group (arXiv 1905.02383), at worst as those of one coordinate in as many steps. See docs/guarantee.md.
    """

    norm: ClassVar[Literal[1, 2]] = 1

    def once(self, noise_multiplier: float) -> DpEvent:
        """Return a Laplace event; dp_accounting's multiplier is of the scale, not of the standard deviation."""
        return dp_event.LaplaceDpEvent(noise_multiplier / math.sqrt(2))

    def add(self, values: Float[ndarray, "..."], noise_std: float, source: SecureNoise) -> Float[ndarray, "..."]:
        """Return `values` plus Laplace noise. See `SecureNoise.laplace`."""
        return source.laplace(values, noise_std)


@final
@dataclass(frozen=True)
class NoNoise(Noise):
    """No noise at all: for baselines, which protect nobody."""

    norm: ClassVar[Literal[1, 2]] = 2

    def once(self, noise_multiplier: float) -> DpEvent:
        """Return the event that no budget covers."""
        return dp_event.NonPrivateDpEvent()

    def event(self, noise_multiplier: float, sampling_rate: float = 1.0, count: int = 1) -> DpEvent:
        """Return the same, however little is sampled."""
        return self.once(noise_multiplier)

    def require_std(self, noise_std: float) -> None:
        """Raise UserError unless it is 0."""
        check.in_range(0.0, 0.0, noise_std=noise_std)

    def add(self, values: Float[ndarray, "..."], noise_std: float, source: SecureNoise) -> Float[ndarray, "..."]:
        """Return `values` as they are."""
        return values
