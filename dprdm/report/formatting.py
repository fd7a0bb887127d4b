"""Numbers, names and paths as a reader wants them: shared by the HTML report, the Markdown page and the cards."""

import html
import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from dprdm.runs.results import Setting

# A path of this machine says who works here and how: of absolute ones only the last part is shown.
ABSOLUTE = re.compile(r"(?<![\w./~:])~?/(?:[^/\s'\",:;=]+/)+(?=[^/\s'\",:;=]|\b|$)")
ELIDED, NOTHING = "\N{HORIZONTAL ELLIPSIS}/", "\N{EN DASH}"


class MetricName(NamedTuple):
    """What a metric is called, which direction is better, and how its numbers are written.

    Args:
        label: as it stands in tables and figures.
        better: which direction is better, or nothing.
        digits: decimals; None: three digits of the largest number of a column.
        scale: factor of the numbers shown.
    """

    label: str
    better: str = ""
    digits: int | None = None
    scale: float = 1.0


LOWER, HIGHER = "lower is better", "higher is better"
METRICS = {
    "fid": MetricName("FID", LOWER, 1),
    "kid": MetricName("KID x 1000", LOWER, 2, 1000.0),
    "cmmd": MetricName("CMMD", LOWER, 2),
    "clip_score": MetricName("CLIP score", HIGHER, 1),
    "precision": MetricName("Precision", HIGHER, 3),
    "recall": MetricName("Recall", HIGHER, 3),
    "density": MetricName("Density", HIGHER, 3),
    "coverage": MetricName("Coverage", HIGHER, 3),
    "accuracy": MetricName("Accuracy", HIGHER, 3),
    "cosine": MetricName("Cosine to the clean mean", HIGHER, 3),
    "tpr_at_1_fpr": MetricName("TPR at 1% FPR", "lower is safer", 3),
    "auc": MetricName("AUC", "0.5 is a coin's", 3),
    "epsilon": MetricName("epsilon"),
}


def metric_name(metric: str) -> MetricName:
    """Return what a metric is called; one that is not listed goes by its own name."""
    return METRICS.get(metric, MetricName(metric.replace("_", " ").capitalize()))


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


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def setting(value: Setting) -> str:
    """Write a setting for a table."""
    if isinstance(value, int | float):
        return number(float(value))
    return NOTHING if value is None else shortened(value)


def decimals(values: Iterable[float]) -> int | None:
    """Return how many decimals give the largest of these three digits; None where some need powers of ten."""
    sizes = [abs(value) for value in values if value]
    if not sizes or not all(map(math.isfinite, sizes)) or max(sizes) >= 1e6 or max(sizes) < 1e-2:
        return 0 if not sizes else None
    return max(0, 2 - math.floor(math.log10(max(sizes))))


def aligned(value: float, places: int | None) -> str:
    """Write a number of a column whose numbers have so many decimals."""
    return number(value, 3) if places is None else f"{value:,.{places}f}"


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
