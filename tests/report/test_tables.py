"""Tables part what was made unlike, show intervals, and mark what carries no guarantee."""

import csv
import dataclasses
import io

from dprdm.report.formatting import NOTHING, number
from dprdm.report.tables import csv_table, markdown_tables, tabulate
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import Quantity
from dprdm.runs.results import Measurement, Results, Row

SMALL = Provenance("a network", "ab" * 32, "none", 100, 50, reads_private=False)
PRIVATE = dataclasses.replace(SMALL, reads_private=True)


def _row(name, provenance=SMALL, status="private"):
    numbers = Measurement("fid", 3.54, provenance, 3.0, 4.0), Measurement("kid", 0.0125, provenance)
    epsilon = None if status == "NON-PRIVATE" else 9.9512
    return Row(name, status, {"epsilon": epsilon}, numbers)


def _results(*rows):
    return Results("test", "Images", "", rows)


def _cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_one_table_where_all_were_made_alike():
    lines = markdown_tables(_results(_row("a"), _row("b", status="NON-PRIVATE"))).splitlines()
    assert _cells(lines[0]) == ["What", "Guarantee", "epsilon", "FID ↓ (a)", "KID x 1000 ↓ (a)"]
    assert _cells(lines[2]) == ["a", "covered", "9.951", "3.5 [3.0, 4.0]", "12.50"]
    assert _cells(lines[3])[:3] == ["b", "**NON-PRIVATE**", "none"]
    assert len({len(line) for line in lines[:4]}) == 1  # it lines up in a terminal
    assert lines[-1] == f"- (a) {SMALL.in_words()}."


def test_two_tables_where_they_were_not():
    text = markdown_tables(_results(_row("a"), _row("b", PRIVATE)))
    first, second = text.split("\n\n| ")
    assert "READS PRIVATE" not in first and "READS PRIVATE IMAGES" in second
    assert "| b" not in first


def test_a_page_has_one_table_with_a_column_for_each_provenance():
    table = tabulate(_results(_row("a"), _row("b", PRIVATE)))
    assert [(heading.mark, heading.is_uncovered) for heading in table.headings] == [
        ("a", False), ("a", False), ("b", True), ("b", True)
    ]  # fmt: skip
    assert (table.settings, table.shared) == ((), "In all rows: epsilon 9.951.")
    assert [[cell.is_uncovered for cell in row.cells] for row in table.rows] == [
        [False] * 4,
        [False, False, True, True],
    ]


def test_the_csv_holds_every_number_with_its_provenance():
    lines = list(csv.DictReader(io.StringIO(csv_table([_row("a", PRIVATE)]))))
    assert [line["metric"] for line in lines] == ["fid", "kid"]
    assert (lines[0]["low"], lines[1]["low"], lines[0]["reads_private"]) == ("3.0", "", "True")
    assert list(lines[0]) == [
        "row", "status", "epsilon", "metric", "value", "low", "high",
        "features", "weights_sha256", "resize", "n_real", "n_generated", "reads_private",
    ]  # fmt: skip
    assert [lines[0][name] for name in ("row", "status", "epsilon", "value")] == ["a", "private", "9.9512", "3.54"]


def test_nothing_is_a_dash():
    row = _row("a")
    without = dataclasses.replace(row, name="b", measurements=row.measurements[:1])
    assert [cell.text for cell in tabulate(_results(row, without)).rows[1].cells] == ["3.5", NOTHING]


def test_settings_that_do_not_differ_are_said_once():
    row = _row("a")
    searched, public = (dataclasses.replace(row, settings=settings) for settings in ({"k": 20, "eps": 1}, {"eps": 3}))
    table = tabulate(_results(searched, public))
    assert (table.settings, table.shared) == (("eps",), "Where they apply: k 20.")


def test_results_say_what_their_columns_are_called():
    vendi = Measurement("vendi", 0.0123, SMALL)
    described = Quantity("vendi", "Vendi score", "higher is better", digits=1, scale=100.0)
    results = _results(Row("a", "public", {}, (vendi,)))
    text = markdown_tables(dataclasses.replace(results, quantities=(described,)))
    assert "Vendi score x 100" in text and "| 1.2 " in text
    assert "| Vendi (a) " in markdown_tables(results), "nobody knows it here"


def test_numbers_beyond_a_columns_digits_are_readable():
    huge, tiny = (Row("a", "public", {}, (Measurement("kid", value, SMALL),)) for value in (-13.28056, 1e-9))
    assert tabulate(_results(huge)).rows[0].cells[0].text == "-13,281"
    assert tabulate(_results(tiny)).rows[0].cells[0].text == number(1e-6, 3)
