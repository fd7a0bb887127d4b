"""What may be spent: an (epsilon, delta) pair."""

from dataclasses import dataclass

from dprdm import check


@dataclass(frozen=True)
class Budget:
    """A bound on what leaves a store: no unit changes the odds of any output by over exp(epsilon), up to delta.

    Args:
        epsilon: above 0 and finite.
        delta: between 0 and 1, both excluded. An explicit number; where it is taken as 1/num_records, that makes the
            row count public, and the certificate says so.
    Raises:
        UserError: if either is outside its range.
    """

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        check.positive(epsilon=self.epsilon)
        check.open_unit(delta=self.delta)

    def __str__(self) -> str:
        return f"epsilon {self.epsilon:.6g} at delta {self.delta:.6g}"
