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
    Examples:
        >>> dprdm.Budget(epsilon=5, delta=1e-6).epsilon
        5.0
    """

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        # 5 and 5.0 are one budget: what is stored under names made of it is found by either.
        object.__setattr__(self, "epsilon", float(check.positive(epsilon=self.epsilon)))
        object.__setattr__(self, "delta", check.open_unit(delta=self.delta))

    def __str__(self) -> str:
        return f"epsilon {self.epsilon:.6g} at delta {self.delta:.6g}"
