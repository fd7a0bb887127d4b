"""A trade-off is drawn with its intervals and horizons, and told in words."""

from dprdm.figures.tradeoff import draw_tradeoff
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import quantity_named
from dprdm.runs.results import Measurement, Row

MADE = Provenance("a network", "", "", 10, 10, reads_private=False)


def _row(value: float) -> Row:
    return Row("row", "private", {}, (Measurement("fid", value, MADE, value - 1, value + 1),))


def test_a_line_and_a_horizon(tmp_path):
    lines = {"gaussian": [(10.0, _row(4)), (1.0, _row(9))], "nothing": []}
    picture = draw_tradeoff(quantity_named("fid"), "eps", lines, {"public only": _row(8)}, "Made up.", tmp_path / "fid")
    assert picture is not None and picture.file == "fid.png"
    assert picture.alt == "FID against epsilon. gaussian: 9 at 1, 4 at 10; public only: 8."
    assert (tmp_path / "fid.png").stat().st_size > 5000 and (tmp_path / "fid.svg").is_file()


def test_a_metric_that_no_row_has_is_not_drawn(tmp_path):
    assert draw_tradeoff(quantity_named("kid"), "eps", {"gaussian": [(1.0, _row(4))]}, {}, "", tmp_path / "kid") is None
    assert not list(tmp_path.iterdir())
