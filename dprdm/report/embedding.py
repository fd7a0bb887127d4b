"""Images inside a page: read and written anew by Pillow, so that nothing but pixels comes along."""

import base64
import io
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from dprdm.errors import UserError

SMALL = 64  # an image of at most this side is enlarged by a whole factor, pixel by pixel


@dataclass(frozen=True)
class EmbeddedImage:
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

    def scaled_to(self, width: int) -> "EmbeddedImage":
        """Return it about `width` wide: by a whole factor where its pixels are to stay sharp."""
        factor = max(1, round(width / self.width)) if self.is_pixelated else width / self.width
        return replace(self, width=round(self.width * factor), height=round(self.height * factor))


def embed_image(path: Path, side: int | None = None) -> EmbeddedImage:
    """Read an image, no larger than `side`: a PNG as it is, or a JPEG where it was shrunk. No metadata comes along.

    Raises:
        UserError: if it is missing or no image.
    """
    image = _read_image(path)
    kind = "png"
    if side is not None and max(image.size) > side:
        kind = "jpeg"
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    plain = image if image.mode in {"L", "RGB"} else image.convert("RGB")
    buffer = io.BytesIO()
    plain.save(buffer, kind, quality=88)  # of the JPEG; a PNG has none
    uri = f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return EmbeddedImage(uri, *plain.size, is_pixelated=max(plain.size) <= SMALL)


def _read_image(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy()
    except FileNotFoundError as error:
        raise UserError(f"Expected an image at {path}, and there is none.") from error
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"Expected an image in {path}; the file is damaged.") from error
