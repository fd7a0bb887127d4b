"""Numbers, names and paths as a reader wants them: shared by the HTML report, the Markdown page and the cards."""

import math
import re
from collections.abc import Iterable

from dprdm.runs.results import Measurement, Setting

# A path of this machine says who works here and how: of absolute ones only the last part is shown.
ABSOLUTE = re.compile(r"(?<![\w./~:])~?/(?:[^/\s'\",:;=]+/)+(?=[^/\s'\",:;=]|\b|$)")
MATCHED, OPAQUE = "\N{HORIZONTAL ELLIPSIS}/", "\N{EN DASH}"


def number(value: float | None, digits: int = 4) -> str:
    """Plain digits where they are readable, a power of ten where not; `infinite` for None and inf."""
    if value is None or math.isinf(value):
        return "infinite"
    if value and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 2}e}".split("e")
        return f"{mantissa}\N{MULTIPLICATION SIGN}10{_superscript(int(exponent))}"
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip(".")


def setting(value: Setting) -> str:
    """A setting in a table."""
    if isinstance(value, int | float):
        return number(float(value))
    return OPAQUE if value is None else shortened(value)


def decimals(values: Iterable[float]) -> int | None:
    """How many decimals give the largest of these three digits; None where some need powers of ten."""
    sizes = [abs(value) for value in values if value]
    if not sizes or not all(map(math.isfinite, sizes)) or max(sizes) >= 1e6 or max(sizes) < 1e-2:
        return 0 if not sizes else None
    return max(0, 2 - math.floor(math.log10(max(sizes))))


def aligned(value: float, places: int | None) -> str:
    """A number of a column whose numbers have so many decimals."""
    return number(value, 3) if places is None else f"{value:,.{places}f}"


def interval(found: Measurement, places: int | None) -> str:
    """The interval of a number, empty where there is none."""
    if found.low is None or found.high is None:
        return ""
    return f"[{aligned(found.low, places)}, {aligned(found.high, places)}]"


def share(value: float) -> str:
    """An upper bound of a probability, in per cent, rounded up."""
    return f"{math.ceil(value * 1000 - 1e-9) / 10:g}%" if value < 0.999 else "100%"


def odds(epsilon: float) -> str:
    """e to the epsilon, rounded up: to a tenth, to a whole number, or as a power where nobody would read the digits."""
    if epsilon > 700:  # no float holds it
        return "infinity"
    factor = math.exp(epsilon)
    if factor < 10:
        return f"{math.ceil(factor * 10) / 10:g}"
    return f"{math.ceil(factor):,}" if factor < 1e6 else number(factor * 1.01, 3)


def shortened(text: str) -> str:
    """The text without the folders of absolute paths in it."""
    return ABSOLUTE.sub(MATCHED, text)


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
