"""Images inside a page: read again by Pillow or an XML parser, so that nothing but pixels and strokes comes along."""

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image, UnidentifiedImageError

from dprdm.errors import UserError

SMALL = 64  # an image of at most this side is enlarged by a whole factor, pixel by pixel
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
DRAWN = frozenset(
    ("svg", "g", "defs", "path", "use", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "style",
     "clipPath", "linearGradient", "radialGradient", "stop", "title", "desc", "symbol", "marker", "mask", "pattern", "image")
)  # fmt: skip
POINTS_OUTSIDE = re.compile(r"url\(\s*['\"]?(?!#)|@import|javascript:|expression\(", re.IGNORECASE)


@dataclass(frozen=True)
class Embedded:
    """An image as it stands in the page: no request is needed to show it.

    Args:
        uri: `data:`, with all of it.
        width: in pixels of the page.
        height: the same.
        is_pixelated: enlarged without smoothing.
    """

    uri: str
    width: int
    height: int
    is_pixelated: bool = False


def embed_image(path: Path, side: int) -> Embedded:
    """A picture of pixels, no larger than `side`: PNG as it is, or JPEG where it was shrunk. No metadata comes along.

    Raises:
        UserError: if it is missing or no image.
    """
    image = _opened(path)
    kind: str
    options: dict[str, int]
    if max(image.size) <= side:
        kind, options = "png", {}
    else:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        kind, options = "jpeg", {"quality": 88}
    plain = image if image.mode in {"L", "RGB"} else image.convert("RGB")
    buffer = io.BytesIO()
    plain.save(buffer, kind, **options)
    width, height = plain.size
    return Embedded(_uri(f"image/{kind}", buffer.getvalue()), width, height, is_pixelated=max(width, height) <= SMALL)


def embed_figure(path: Path) -> Embedded:
    """A figure: the SVG beside a PNG where there is one, else the PNG in its full size."""
    drawn = path.with_suffix(".svg")
    if not drawn.is_file():
        image = _opened(path)
        return embed_image(path, max(image.size))
    root = clean_svg(drawn)
    width, height = _size(root)
    return Embedded(_uri("image/svg+xml", ElementTree.tostring(root)), width, height)


def clean_svg(path: Path) -> ElementTree.Element:
    """An SVG of shapes and text alone: no script, no event, no reference to anything outside of it.

    Raises:
        UserError: if it is damaged, or names entities of its own.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if "<!ENTITY" in text:
            raise UserError(f"Expected a drawing in {path}; it declares entities, which no figure needs.")
        root = ElementTree.fromstring(text)
    except (OSError, UnicodeDecodeError, ElementTree.ParseError) as error:
        raise UserError(f"Expected an SVG in {path}; the file is damaged ({error}).") from error
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    _clean(root)
    return root


def _clean(element: ElementTree.Element) -> None:
    for child in list(element):
        name = str(child.tag).rpartition("}")[2]
        if name not in DRAWN or (name == "style" and POINTS_OUTSIDE.search(child.text or "")):
            element.remove(child)
        else:
            _clean(child)
    for name, value in list(element.attrib.items()):
        local = name.rpartition("}")[2].lower()
        leads_out = local in {"href", "src"} and not value.startswith(("#", "data:image/png;base64,"))
        if local.startswith("on") or leads_out or POINTS_OUTSIDE.search(value):
            del element.attrib[name]


def _size(root: ElementTree.Element) -> tuple[int, int]:
    """In pixels, from the box that the drawing names; the page scales it."""
    box = [float(value) for value in re.findall(r"-?\d+(?:\.\d+)?", root.get("viewBox", "0 0 720 460"))]
    width, height = (box[2], box[3]) if len(box) == 4 and min(box[2:]) > 0 else (720.0, 460.0)
    return round(width * 4 / 3), round(height * 4 / 3)


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy()
    except FileNotFoundError as error:
        raise UserError(f"Expected an image at {path}, and there is none.") from error
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"Expected an image in {path}; the file is damaged.") from error


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
