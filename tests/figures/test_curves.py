"""Curves show every line and horizon, and are written as PNG and SVG."""

from PIL import Image

from dprdm.figures.curves import Axes, Horizon, Line, draw_curves


def test_lines_and_horizons_are_drawn(tmp_path):
    axes = Axes("More epsilon, nearer images", "epsilon", "FID, lower is better", "Made by a test.")
    lines = [
        Line("gaussian", [1, 3, 10], [9.0, 5.0, 4.0], [8, 4, 3], [10, 6, 5]),
        Line("codebook", [1, 10], [4.5, 4.0]),
    ]
    path = draw_curves(axes, lines, [Horizon("public only", 8.0)], tmp_path / "fid")
    with Image.open(path) as picture:
        assert picture.width > 500
    svg = (tmp_path / "fid.svg").read_text()
    assert svg.startswith("<?xml") and "</svg>" in svg
    assert path == tmp_path / "fid.png"
