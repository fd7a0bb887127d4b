"""Curves show every line and horizon, and are written as PNG and SVG."""

from PIL import Image

from dprdm.figures.curves import FigureText, ReferenceLevel, Series, draw_curves


def test_lines_and_horizons_are_drawn(tmp_path):
    text = FigureText("More epsilon, nearer images", "epsilon", "FID, lower is better", "Made by a test.")
    lines = [
        Series("gaussian", [1, 3, 10], [9.0, 5.0, 4.0], [8, 4, 3], [10, 6, 5]),
        Series("codebook", [1, 10], [4.5, 4.0]),
    ]
    path = draw_curves(text, lines, [ReferenceLevel("public only", 8.0)], tmp_path / "fid")
    with Image.open(path) as picture:
        assert picture.width > 500
    svg = (tmp_path / "fid.svg").read_text()
    assert svg.startswith("<?xml") and "</svg>" in svg
    assert path == tmp_path / "fid.png"
