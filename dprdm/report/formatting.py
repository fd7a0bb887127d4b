"""Numbers, names and paths as a reader wants them: shared by the HTML report, the Markdown page and the cards."""

import html
import math
import re
from collections.abc import Iterable

from dprdm.runs.results import Setting

# A path of this machine says who works here and how: of absolute ones only the last part is shown.
ABSOLUTE = re.compile(r"(?<![\w./~:])~?/(?:[^/\s'\",:;=]+/)+(?=[^/\s'\",:;=]|\b|$)")
ELIDED, NOTHING = "\N{HORIZONTAL ELLIPSIS}/", "\N{EN DASH}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """Write plain digits where they are readable, a power of ten where not; `infinite` for None and inf."""
    if value is None or math.isinf(value):
        return "infinite"
    if value and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 2}e}".split("e")
        return f"{mantissa}\N{MULTIPLICATION SIGN}10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip(".")


def setting(value: Setting) -> str:
    """Write a setting for a table."""
    if isinstance(value, int | float):
        return number(float(value))
    return NOTHING if value is None else shortened(value)


def decimals(values: Iterable[float], most: int) -> int:
    """Return how many decimals the numbers of a column have: at most five digits of the largest, and at most `most`."""
    largest = max(map(abs, values), default=0.0)
    return most if largest < 10 else max(0, min(most, 4 - math.floor(math.log10(largest))))


def aligned(value: float, places: int) -> str:
    """Write a number with so many decimals; one that would be all zeros with its own first digits."""
    return number(value, 3) if 0 < abs(value) < 0.5 * 10**-places else f"{value:,.{places}f}"


def share(value: float) -> str:
    """Write an upper bound of a probability in per cent, rounded up."""
    return f"{math.ceil(value * 1000 - 1e-9) / 10:g}%" if value < 0.999 else "100%"


def odds(epsilon: float) -> str:
    """Write e^epsilon rounded up: to a tenth, to a whole number, or as a power where nobody would read the digits."""
    if epsilon > 700:  # no float holds it
        return "infinity"
    factor = math.exp(epsilon)
    if factor < 10:
        return f"{math.ceil(factor * 10) / 10:g}"
    return f"{math.ceil(factor):,}" if factor < 1e6 else number(factor * 1.01, 3)


def shortened(text: str) -> str:
    """Return the text without the folders of absolute paths in it."""
    return ABSOLUTE.sub(ELIDED, text)


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is: no tag, no link, no cell's end, no emphasis."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(" ".join(str(text).split()), quote=False))
