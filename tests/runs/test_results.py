"""One format for all that is measured; unlike numbers never share a column."""

import dataclasses

import pytest

from dprdm.errors import UserError
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import NEIGHBOUR_RECALL, Quantity
from dprdm.runs.results import Column, Measurement, Picture, Results, Row, cell, columns

SMALL = Provenance("a small network", "ab" * 32, "none", 100, 50, reads_private=False)
FEWER = dataclasses.replace(SMALL, n_generated=20)


def _row(name, *measurements):
    return Row(name, "private", {"mechanism": "gaussian", "epsilon": 10.0}, measurements, ("images/a.png",))


def _results(*rows):
    return Results(
        "test", "Images", "python main.py test runs/a", rows, (Picture("a.png", "Says.", "Shows."),), ("So.",)
    )


def test_what_is_saved_is_loaded(tmp_path):
    results = _results(_row("a", Measurement("fid", 3.5, SMALL, 3.0, 4.0), Measurement("recall", 0.5, SMALL)))
    assert Results.load(results.save(tmp_path)) == results
    assert Results.load(tmp_path) == results
    assert results.metrics() == ("fid", "recall")
    described = dataclasses.replace(results, quantities=(Quantity("fid", "Our FID", "lower is better", 1, 10.0),))
    assert Results.load(described.save(tmp_path)) == described


def test_what_a_column_is_called_stands_in_the_file_or_in_the_catalogue():
    results = _results(_row("a"))
    assert results.quantity("fid").head == "FID", "a file of version 0.4 does not say"
    assert results.quantity("auc").better == "0.5 is a coin's"
    assert results.quantity("cosine_of_nobody").label == "cosine of nobody"
    described = dataclasses.replace(results, quantities=(NEIGHBOUR_RECALL,))
    assert described.quantity("recall").axis == "share of the clean mean's neighbours found, higher is better"


@pytest.mark.parametrize("content", ["{}", "[]", '{"rows": [{"name": 1}]}', "nothing"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match="damaged"):
        Results.load(tmp_path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is none"):
        Results.load(tmp_path)


def test_numbers_of_unlike_provenance_stand_in_columns_of_their_own():
    like, unlike = _row("a", Measurement("fid", 3.5, SMALL)), _row("b", Measurement("fid", 2.5, FEWER))
    assert columns([like, like]) == (Column("fid", SMALL),)
    assert columns([like, unlike]) == (Column("fid", SMALL), Column("fid", FEWER))
    assert cell(unlike, Column("fid", SMALL)) is None
    assert cell(unlike, Column("fid", FEWER)).value == 2.5


def test_provenance_says_when_private_images_were_read():
    assert "PRIVATE" not in SMALL.in_words()
    assert SMALL.in_words() == "a small network, weights abababababab, resize none; 100 real, 50 generated"
    assert "READS PRIVATE" in dataclasses.replace(SMALL, reads_private=True).in_words()
