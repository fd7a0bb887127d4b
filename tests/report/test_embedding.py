"""What comes along into a page: pixels and strokes, and nothing else."""

import base64
from xml.etree import ElementTree

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dprdm.errors import UserError
from dprdm.report.embedding import clean_svg, embed_figure, embed_image

HOSTILE = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 60 30"
 onload="alert(1)"><script>alert(2)</script><metadata>made on a machine</metadata>
 <style>@import url(https://example.org/a.css);</style><foreignObject><p>hi</p></foreignObject>
 <image xlink:href="https://example.org/a.png"/><use xlink:href="#mark"/><path d="M0 0L9 9" style="fill:url(https://example.org)"/>
 <path id="mark" clip-path="url(#box)" d="M0 0L5 5"/></svg>"""


def test_a_drawing_keeps_its_strokes_alone(tmp_path):
    (tmp_path / "a.svg").write_text(HOSTILE)
    text = ElementTree.tostring(clean_svg(tmp_path / "a.svg")).decode()
    for stranger in ("script", "onload", "metadata", "example.org", "foreignObject", "import"):
        assert stranger not in text
    assert 'href="#mark"' in text
    assert "url(#box)" in text
    (tmp_path / "a.png").write_bytes(b"")
    embedded = embed_figure(tmp_path / "a.png")
    assert (embedded.width, embedded.height) == (80, 40)
    assert embedded.uri.startswith("data:image/svg+xml;base64,")


def test_entities_are_refused(tmp_path):
    (tmp_path / "a.svg").write_text('<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(UserError, match="entities"):
        clean_svg(tmp_path / "a.svg")


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
    with pytest.raises(UserError, match="there is none"):
        embed_image(tmp_path / "nowhere.png", 256)
