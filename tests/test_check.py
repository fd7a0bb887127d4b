"""The keyword is the message."""

import math

import pytest

from dprdm import check
from dprdm.errors import UserError


def test_the_value_comes_back():
    assert check.in_range(0, 1, rate=0) == 0 and check.in_range(0, 1, rate=1.0) == 1
    assert check.positive(eps=1e-300) == 1e-300 and check.open_unit(delta=0.5) == 0.5
    assert check.at_least(1, k=1) == 1 and check.at_least(0, k=0) == 0


@pytest.mark.parametrize("value", [-0.1, 1.5, math.nan, math.inf, True])
def test_in_range_refuses_what_is_no_number_in_it(value):
    with pytest.raises(UserError, match=rf"^Expected sampling_rate={value} in \[0, 1\]\.$"):
        check.in_range(0, 1, sampling_rate=value)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, False])
def test_positive_refuses_zero_and_what_is_not_finite(value):
    with pytest.raises(UserError, match=rf"^Expected eps={value} above 0\.$"):
        check.positive(eps=value)


@pytest.mark.parametrize("value", [0, 1, 1.0, -3, math.nan, True])
def test_open_unit_refuses_its_ends(value):
    with pytest.raises(UserError, match=rf"^Expected delta={value} between 0 and 1, both excluded\.$"):
        check.open_unit(delta=value)


@pytest.mark.parametrize("value", [0, -1, True])
def test_at_least_refuses_fewer(value):
    with pytest.raises(UserError, match=rf"^Expected k={value} to be a whole number of at least 1\.$"):
        check.at_least(1, k=value)


def test_folders_and_files_are_told_apart(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("")
    assert check.folder(images=tmp_path) == tmp_path and check.file(captions=file) == file
    for validator, path in [(check.folder, file), (check.file, tmp_path), (check.folder, tmp_path / "gone")]:
        with pytest.raises(UserError, match=rf"Expected given={path} to be a (file|folder), and there is none"):
            validator(given=path)


def test_exactly_one_keyword():
    with pytest.raises(ValueError, match="values to unpack"):
        check.positive(eps=1, delta=2)


def test_a_refusal_is_not_swallowed_by_parsers():
    """Parsers take a ValueError for `try another type`."""
    assert not issubclass(UserError, ValueError)
