"""From events to epsilon, by two accountants. Both give upper bounds, so the smaller one holds; both are reported.

RDP (`renyi`) is the accountant of the paper; PLD (`loss`) is the tighter of the two at almost every setting. The relation
is add or remove one unit.
"""

import functools
import importlib.metadata
import math
from dataclasses import asdict, dataclass
from typing import Any

from dp_accounting.dp_event import DpEvent

from dprdm.privacy.budget import Budget
from dprdm.privacy.loss import epsilon_pld, pld_if_precise
from dprdm.privacy.renyi import epsilon_rdp


@dataclass(frozen=True)
class EpsilonReport:
    """Epsilon of one event at one delta by every accountant.

    `rdp_order` is the Renyi order at which RDP's bound is smallest; `pld` is infinite where it was not computed.
    """

    delta: float
    pld: float
    rdp: float
    rdp_order: float

    @property
    def epsilon(self) -> float:
        """Return the smaller of two upper bounds: the one that is charged."""
        return min(self.pld, self.rdp)

    @property
    def accountant(self) -> str:
        """Name the tighter accountant: pld or rdp."""
        return "pld" if self.pld <= self.rdp else "rdp"

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers, infinity as None, with the library that computed them."""
        numbers = {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}
        return {**numbers, "charged": self.accountant, "library": library_version()}


def report(event: DpEvent, delta: float) -> EpsilonReport:
    """Compute epsilon of `event` at `delta` by every accountant."""
    rdp, order = epsilon_rdp(event, delta)
    return EpsilonReport(delta=delta, pld=epsilon_pld(event, delta), rdp=rdp, rdp_order=order)


def fits(event: DpEvent, budget: Budget) -> bool:
    """Say whether `event` costs no more than `budget`. RDP answers alone where its bound suffices; PLD only beyond."""
    if epsilon_rdp(event, budget.delta)[0] <= budget.epsilon:
        return True
    return pld_if_precise(event, budget.delta, with_allowance=True) <= budget.epsilon


def epsilon_without_allowance(event: DpEvent, delta: float) -> float:
    """Compute the smaller of both bounds without the allowance for rounding: for searches that check what comes out.

    Plans are the same to the last bit as before there was an allowance, and so are the names of their stored releases.
    """
    return min(epsilon_rdp(event, delta)[0], pld_if_precise(event, delta, with_allowance=False))


@functools.cache
def library_version() -> str:
    """Name the library that computes both bounds, with its version."""
    return f"dp-accounting {importlib.metadata.version('dp-accounting')}"
