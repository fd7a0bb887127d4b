"""What comes along into a page: pixels, and nothing else."""

import base64

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dprdm.errors import UserError
from dprdm.report.embedding import embed_image


def test_pixels_come_without_what_is_written_beside_them(tmp_path):
    note = PngInfo()
    note.add_text("Author", "somebody")
    Image.new("L", (28, 28), 7).save(tmp_path / "small.png", pnginfo=note)
    small = embed_image(tmp_path / "small.png", 256)
    assert small.is_pixelated
    assert b"somebody" not in base64.b64decode(small.uri.partition(",")[2])
    Image.new("RGB", (600, 300), "red").save(tmp_path / "large.png")
    large = embed_image(tmp_path / "large.png", 256)
    assert (large.width, large.height, large.is_pixelated) == (256, 128, False)
    assert embed_image(tmp_path / "large.png").width == 600
    with pytest.raises(UserError, match="there is none"):
        embed_image(tmp_path / "nowhere.png", 256)


def test_small_images_grow_by_whole_factors(tmp_path):
    Image.new("L", (28, 14)).save(tmp_path / "small.png")
    shown = embed_image(tmp_path / "small.png").scaled_to(92)
    assert (shown.width, shown.height) == (84, 42)


def test_a_drawing_is_no_image(tmp_path):
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
    with pytest.raises(UserError, match="damaged"):
        embed_image(tmp_path / "a.svg")
