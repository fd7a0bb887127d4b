"""Numbers and paths as a reader sees them."""

import math

import pytest

from dprdm.report.formatting import aligned, decimals, number, odds, share, shortened

TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.7420557, "2.742"), (6.644e-05, f"6.64{TIMES}10⁻⁵"), (10.0, "10"), (15051.0, "15,051"), (0.0, "0"), (0.25, "0.25"),
     (None, "infinite"), (math.inf, "infinite"), (1234567.0, f"1.23{TIMES}10⁶"), (-0.5, "-0.5")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


def test_bounds_are_rounded_up():
    assert (share(0.04579), share(0.9999), share(0.01)) == ("4.6%", "100%", "1%")
    assert (odds(0.0), odds(1.0), odds(2.742), odds(10.0), odds(1e4)) == ("1", "2.8", "16", "22,027", "infinity")
    assert odds(20.0) == f"4.9{TIMES}10⁸"


def test_a_column_has_as_many_decimals_everywhere():
    assert decimals([91.5, 90.0, 4.25], most=1) == 1
    assert decimals([0.5, 0.25], most=3) == 3
    assert decimals([0.0, 0.0], most=3) == 3
    assert decimals([13280.56, 2.0], most=2) == 0
    assert decimals([], most=2) == 2
    assert (aligned(90.0, 1), aligned(1e-6, 3), aligned(0.0, 3)) == ("90.0", f"1.0{TIMES}10⁻⁶", "0.000")


def test_no_folder_of_this_machine_is_shown():
    assert shortened("python main.py report /home/me/runs/a --out ../b/c") == "python main.py report …/a --out ../b/c"
    assert shortened("private_store: /data/hospital/store") == "private_store: …/store"
    assert shortened("~/secret/store runs/a/b") == "…/store runs/a/b"
    assert shortened("https://example.org/a/b 1/2") == "https://example.org/a/b 1/2"
