"""The same prompts across runs: which images stand in which cell, and how large."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dprdm.report.content import Limits
from dprdm.report.embedding import Embedded, embed_image
from dprdm.runs.run_reader import RenderedRun

# So wide, in pixels of the page, are the images of one cell beside each other; of few runs, and of many.
WIDE, NARROW, FEW = 92, 64, 4


@dataclass(frozen=True)
class Shown:
    """An image and the size at which it stands."""

    image: Embedded
    width: int
    height: int


@dataclass(frozen=True)
class GalleryRow:
    """One prompt; a cell holds the images of one run, none where it was not asked."""

    prompt: str
    cells: tuple[tuple[Shown, ...], ...]


@dataclass(frozen=True)
class Gallery:
    """All prompts shown, and how many are not."""

    rows: tuple[GalleryRow, ...]
    num_hidden: int


def lay_out(runs: Sequence[RenderedRun], limits: Limits) -> Gallery:
    """Prompts in the order in which runs asked them, a column a run."""
    width = WIDE if len(runs) <= FEW else NARROW
    files: dict[str, dict[int, list[Path]]] = {}
    for column, run in enumerate(runs):
        for sample in run.samples:
            files.setdefault(sample.prompt, {}).setdefault(column, []).append(run.folder / sample.file)
    rows = tuple(
        GalleryRow(
            prompt,
            tuple(
                tuple(show(file, limits.side, width) for file in by_run.get(column, [])[: limits.images])
                for column in range(len(runs))
            ),
        )
        for prompt, by_run in list(files.items())[: limits.prompts]
    )
    return Gallery(rows, len(files) - len(rows))


def show(path: Path, side: int, width: int = NARROW) -> Shown:
    """One image, about `width` wide: by a whole factor where its pixels are to stay sharp."""
    image = embed_image(path, side)
    factor: float = width / image.width
    if image.is_pixelated:
        factor = max(1, round(factor))
    return Shown(image, round(image.width * factor), round(image.height * factor))
