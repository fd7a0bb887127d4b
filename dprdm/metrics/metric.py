"""What a metric must be: one object that says what it needs, computes its number, and says how the number is made."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, final

from dprdm.errors import UserError
from dprdm.metrics.comparison import Comparison, Need
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Measurement


class Score(NamedTuple):
    """A metric's number, and how it was made."""

    value: float
    provenance: Provenance


Interval: TypeAlias = tuple[float, float]


@final
@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of a set of images, beside real ones or by itself.

    Args:
        name: on the command line and in results; also the name of its entry point in the group `dprdm.metrics`.
        label: as tables and plots show it.
        better: which values are better, in words: `lower is better`.
        description: what it says, in a sentence without a full stop.
        digits: decimals in a table.
        scale: factor in a table.
        needs: what must be there to compute it; the command refuses before any image is read where something is missing.
        compute: the number of a comparison. Numbers of unlike provenance never share a column.
        interval: the 95% interval of a comparison's value over the images drawn; None: the metric has none.
    """

    name: str
    label: str
    better: str
    description: str
    digits: int = 3
    scale: float = 1.0
    needs: tuple[Need, ...] = ()
    compute: Callable[[Comparison], Score]
    interval: Callable[[Comparison, float], Interval] | None = None

    @property
    def quantity(self) -> Quantity:
        """What tables, plots and files of results keep of it."""
        return Quantity(self.name, self.label, self.better, self.digits, self.scale, self.description)

    def measure(self, comparison: Comparison) -> Measurement:
        """Return the number with its interval, if intervals are wanted, and its provenance.

        Raises:
            UserError: if `compute` returns no finite number with its provenance.
        """
        score = self.compute(comparison)
        if not isinstance(score, Score) or not math.isfinite(score.value):
            raise UserError(f"Expected the metric {self.name} to compute a Score with a finite value; got {score!r}.")
        low, high = self.interval(comparison, score.value) if self.interval and comparison.resamples else (None, None)
        return Measurement(self.name, float(score.value), score.provenance, low, high)
