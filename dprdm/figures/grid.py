"""Grid pictures: one per prompt, and one of all prompts with their names beside them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dprdm.files import write_whole
from dprdm.runs.run_folder import Run, Sample, prompt_slug

MOST_COLUMNS = 10
MOST_ROWS = 10
LEAST_SIDE = 64  # smaller images are enlarged by a whole factor, so that their pixels stay sharp
MARGIN = 4
BAND = 28


def write_grids(run: Run, samples: Sequence[Sample], banner: str | None = None) -> Path:
    """Write `grids/<prompt>.png` for every prompt and `grid.png` with a row a prompt; return the path of the latter.

    Args:
        run: the folder that holds the images.
        samples: what is in it.
        banner: printed across every grid, where a run carries no guarantee.
    """
    by_prompt: dict[str, list[Path]] = {}
    pictures: dict[Path, list[tuple[str, list[Path]]]] = {}
    for sample in samples:
        by_prompt.setdefault(sample.prompt, []).append(run.folder / sample.file)
    for prompt, files in by_prompt.items():
        shown = files[: MOST_COLUMNS * MOST_ROWS]
        rows = [("", shown[i : i + MOST_COLUMNS]) for i in range(0, len(shown), MOST_COLUMNS)]
        pictures[run.grids / f"{prompt_slug(prompt)}.png"] = rows
    pictures[run.grid] = [(prompt, files[:MOST_COLUMNS]) for prompt, files in by_prompt.items()]
    for path, rows in pictures.items():
        picture = grid(rows, banner)
        write_whole(path, partial(picture.save, format="PNG"))
    return run.grid


def grid(rows: Sequence[tuple[str, Sequence[Path]]], banner: str | None = None) -> Image.Image:
    """Draw images in rows, each row with its label to the left.

    Args:
        rows: label and image files; all images are shown at the size of the first.
        banner: a line across the top, white on red.
    """
    with Image.open(rows[0][1][0]) as first:
        side = max(first.size) * max(1, -(-LEAST_SIDE // max(first.size)))
    font = ImageFont.load_default(size=14)
    label_width = int(max(font.getlength(label) for label, _ in rows))
    label_width += 3 * MARGIN if label_width else MARGIN
    columns = max(len(files) for _, files in rows)
    top = BAND if banner else 0
    width = label_width + columns * (side + MARGIN)
    picture = Image.new("RGB", (width, top + MARGIN + len(rows) * (side + MARGIN)), "white")
    draw = ImageDraw.Draw(picture)
    if banner:
        draw.rectangle((0, 0, width, BAND), fill=(176, 0, 32))
        draw.text((MARGIN, BAND // 2), banner, "white", font, anchor="lm")
    for row, (label, files) in enumerate(rows):
        y = top + MARGIN + row * (side + MARGIN)
        draw.text((MARGIN, y + side // 2), label, "black", font, anchor="lm")
        for column, file in enumerate(files):
            picture.paste(_shown(file, side), (label_width + column * (side + MARGIN), y))
    return picture


def _shown(file: Path, side: int) -> Image.Image:
    with Image.open(file) as image:
        method = Image.Resampling.NEAREST if max(image.size) < side else Image.Resampling.LANCZOS
        return image.convert("RGB").resize((side, side), method)
