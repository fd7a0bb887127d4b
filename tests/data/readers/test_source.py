"""Any picture becomes an upright RGB or grey one, or is named as unreadable."""

import io

import numpy as np
import pytest
from PIL import Image

from dprdm.data.readers.source import UnreadableImage, decode_image, next_readable, read_image
from dprdm.errors import UserError
from tests.data.pictures import Pictures, picture

ORIENTATION = 0x0112


def corner_marked() -> Image.Image:
    """16 x 8, black, with a white quarter at the top left."""
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:4, :8] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_undone(tmp_path, orientation):
    """The camera stored what `undo` makes of the upright picture, and wrote down how to turn it back."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    upright = corner_marked()
    stored = upright.transpose(turn[orientation]) if orientation in turn else upright
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored.save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(np.asarray(read_image(tmp_path / "photo.png")), np.asarray(upright))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    suffix = "png" if mode in {"1", "P", "LA", "RGBA"} else "tif"
    corner_marked().convert("RGB").convert("L" if mode == "LA" else "RGB").convert(mode).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.mode == "RGB" and image.size == (16, 8)
    pixels = np.asarray(image).astype(int)
    assert (pixels[0, 0] > 240).all() and (pixels[-1, -1] < 15).all()


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA", "L"])
def test_what_is_transparent_is_white(tmp_path, mode):
    """Left half opaque and dark, right half transparent."""
    alpha = np.repeat(np.array([[255] * 8 + [0] * 8], np.uint8), 8, 0)
    grey = Image.fromarray(np.where(alpha > 0, 40, 7).astype(np.uint8))
    if mode in {"P", "L"}:
        (grey.convert("P") if mode == "P" else grey).save(tmp_path / "a.png", transparency=7)
    else:
        picture = grey.convert(mode)
        picture.putalpha(Image.fromarray(alpha))
        picture.save(tmp_path / "a.png")
    pixels = np.asarray(read_image(tmp_path / "a.png"))
    assert pixels.shape == (8, 16, 3) and (pixels[:, :8] == 40).all() and (pixels[:, 8:] == 255).all()


@pytest.mark.parametrize(
    ("size", "kept"), [((5000, 2), (32, 2)), ((3, 6001), (3, 48)), ((32, 2), (32, 2)), ((1, 1), (1, 1))]
)
def test_of_a_strip_the_middle_is_kept(tmp_path, size, kept):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    left, top = (size[0] - kept[0]) // 2, (size[1] - kept[1]) // 2
    assert image.size == kept
    assert np.array_equal(np.asarray(image), pixels[top : top + kept[1], left : left + kept[0]])


def test_bytes_are_decoded_as_a_file_is(tmp_path):
    path = picture(tmp_path / "a.png")
    assert np.array_equal(np.asarray(decode_image(path.read_bytes(), "a")), np.asarray(read_image(path)))
    with pytest.raises(UnreadableImage, match=r"shard/7: "):
        decode_image(path.read_bytes()[:60], "shard/7")


def test_the_next_readable_one_is_taken_and_the_broken_named(caplog):
    source = Pictures(6, broken=(4, 5, 0))
    place, image = next_readable(source, np.array([1, 3, 4, 5, 0]), 2)
    assert place == 0 and np.array_equal(np.asarray(image), source.pixels[1])
    assert [record.message for record in caplog.records] == [f"Passed over, cannot be read: {n}.png" for n in (4, 5, 0)]
    assert next_readable(source, [2, 3], 1)[0] == 1


def test_many_broken_in_a_row_stop_the_training():
    with pytest.raises(UserError, match=r"64 in a row cannot, the first of them 3\.png"):
        next_readable(Pictures(100, broken=range(100)), range(100), 3)
    with pytest.raises(UserError, match=r"2 in a row cannot"):
        next_readable(Pictures(2, broken=range(2)), range(2), 0)


def test_grey_stays_grey(tmp_path):
    corner_marked().convert("L").save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").mode == "L"


def test_sixteen_bits_keep_their_shades(tmp_path):
    ramp = np.linspace(0, 65535, 16 * 8).reshape(8, 16).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "scan.png")
    pixels = np.asarray(read_image(tmp_path / "scan.png")).astype(int)
    pixels = pixels.reshape(8, 16, -1)[..., 0]
    assert np.abs(pixels - ramp / 257).max() <= 1


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow says so where it skips a damaged tag
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp", "ppm"])
def test_a_damaged_file_is_unreadable_by_name_or_read(tmp_path, suffix):
    """Cut off anywhere or with bytes overwritten, a file is either decoded or named; nothing else is raised."""
    whole = picture(tmp_path / f"whole.{suffix}", (32, 32)).read_bytes()
    draws = np.random.default_rng(0)
    damaged = [whole[: len(whole) * cut // 10] for cut in range(10)]
    for _ in range(100):
        content = bytearray(whole)
        for at in draws.integers(0, min(200, len(whole)), 3):
            content[at] = draws.integers(0, 256)
        damaged.append(bytes(content))
    path = tmp_path / f"damaged.{suffix}"
    unreadable = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            assert read_image(path).mode in {"RGB", "L"}
        except UnreadableImage as error:
            assert path.name in str(error)
            unreadable += 1
    assert unreadable >= 3


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_no_image_at_all(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableImage, match=r"a\.png"):
        read_image(tmp_path / "a.png")


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(UnreadableImage, match=r"gone\.png"):
        read_image(tmp_path / "gone.png")


def test_a_picture_too_large_to_trust_is_unreadable(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    buffer = io.BytesIO()
    Image.new("L", (100, 100)).save(buffer, format="PNG")
    (tmp_path / "bomb.png").write_bytes(buffer.getvalue())
    with pytest.raises(UnreadableImage, match=r"bomb\.png"):
        read_image(tmp_path / "bomb.png")


def test_a_source_groups_and_prompts_nothing_unless_it_says_so():
    source = Pictures(2)
    assert source.group(0) is None and list(source.prompts()) == []
