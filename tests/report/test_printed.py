"""Tables part what was made unlike, show intervals, and mark what carries no guarantee."""

import csv
import dataclasses
import io

from dprdm.report.printed import csv_table, markdown_tables, shown
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Measurement, Results, Row

SMALL = Provenance("a network", "ab" * 32, "none", 100, 50, reads_private=False)
PRIVATE = dataclasses.replace(SMALL, reads_private=True)


def _row(name, provenance=SMALL, status="private"):
    found = Measurement("fid", 3.54, provenance, 3.0, 4.0), Measurement("kid", 0.0125, provenance)
    return Row(name, status, {"epsilon": 9.9512}, found)


def _results(*rows):
    return Results("test", "Images", "", rows)


def test_one_table_where_all_were_made_alike():
    text = markdown_tables(_results(_row("a"), _row("b", status="NON-PRIVATE")))
    lines = text.splitlines()
    assert lines[0].split("|")[3:5] == [" FID            ", " KID x 1000 "]
    assert "| 9.95 " in lines[2] and "3.5 [3.0, 4.0]" in lines[2] and "12.50" in lines[2]
    assert "b (**NON-PRIVATE**) | none" in lines[3]
    assert lines[-1] == f"- FID, KID x 1000: {SMALL.in_words()}."


def test_two_tables_where_they_were_not():
    text = markdown_tables(_results(_row("a"), _row("b", PRIVATE)))
    first, second = text.split("\n\n| ")
    assert "READS PRIVATE" not in first and "READS PRIVATE IMAGES" in second
    assert "| b" not in first


def test_the_csv_holds_every_number_with_its_provenance():
    lines = list(csv.DictReader(io.StringIO(csv_table([_row("a", PRIVATE)]))))
    assert [line["metric"] for line in lines] == ["fid", "kid"]
    assert (lines[0]["low"], lines[1]["low"], lines[0]["reads_private"]) == ("3.0", "", "True")


def test_nothing_is_an_empty_cell():
    assert shown(None, Quantity("fid", "FID")) == ""


def test_results_say_what_their_columns_are_called():
    number = Measurement("vendi", 0.0123, SMALL)
    described = Quantity("vendi", "Vendi score", "higher is better", digits=1, scale=100.0)
    text = markdown_tables(dataclasses.replace(_results(Row("a", "public", {}, (number,))), quantities=(described,)))
    assert "Vendi score x 100" in text and "| 1.2 " in text
    assert "| vendi " in markdown_tables(_results(Row("a", "public", {}, (number,)))), "nobody knows it here"
