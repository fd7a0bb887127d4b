"""What a report may show: of all runs and results that it is given, what is released, unless more is asked for.

NON-PRIVATE runs and rows, numbers that read private images, and pictures of real rows are outside every guarantee. They are
left out, and counted; where they are asked for, they stay marked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dprdm import check
from dprdm.errors import UserError
from dprdm.runs.results import Measurement, Results, Row
from dprdm.runs.run_reader import RenderedRun


@dataclass(frozen=True)
class Limits:
    """How much of it is shown.

    Args:
        images: of each prompt and run.
        prompts: at most so many, the first ones.
        side: images with a longer side are shrunk to this many pixels.
    """

    images: int = 4
    prompts: int = 24
    side: int = 256

    def __post_init__(self) -> None:
        check.at_least(1, images_per_prompt=self.images)
        check.at_least(1, most_prompts=self.prompts)
        check.at_least(16, image_side=self.side)


@dataclass(frozen=True)
class Part:
    """One file of results, as far as it is shown.

    Args:
        folder: where its pictures are.
        results: without what is left out.
        left_out: how many rows and numbers were left out.
        has_pictures: false where its pictures, and its notes, were left out because they may show what was.
    """

    folder: Path
    results: Results
    left_out: int
    has_pictures: bool


@dataclass(frozen=True)
class Material:
    """All that is shown.

    Args:
        runs: public ones first, then by epsilon, then NON-PRIVATE ones.
        left_out: names of runs that were left out.
        parts: in the order given.
        limits: how much of each.
    """

    runs: tuple[RenderedRun, ...]
    left_out: tuple[str, ...]
    parts: tuple[Part, ...]
    limits: Limits

    @property
    def has_uncovered(self) -> bool:
        """Whether anything is shown that no guarantee covers."""
        parts = any(is_uncovered(row) or any(map(reads_private, row.measurements)) for row in self.rows())
        return parts or any(run.status == "NON-PRIVATE" for run in self.runs)

    def rows(self) -> Iterable[Row]:
        """The rows of all parts."""
        return (row for part in self.parts for row in part.results.rows)


def is_uncovered(row: Row) -> bool:
    """Whether a row as a whole is outside every guarantee."""
    return row.status == "NON-PRIVATE"


def reads_private(found: Measurement) -> bool:
    """Whether a number is outside every guarantee, whatever the row is."""
    return found.provenance.reads_private


def gather(runs: Sequence[Path], results: Sequence[Path], includes_uncovered: bool, limits: Limits) -> Material:
    """Read and sift.

    Args:
        runs: folders that `predict` or `render` left.
        results: folders or files of results.
        includes_uncovered: show what no guarantee covers as well.
    Raises:
        UserError: if nothing is given, or anything is missing or damaged.
    """
    if not runs and not results:
        raise UserError("Expected run folders, or --results; got neither.")
    read = [RenderedRun(folder) for folder in dict.fromkeys(runs)]
    shown = [run for run in read if includes_uncovered or run.status != "NON-PRIVATE"]
    return Material(
        runs=tuple(sorted(shown, key=_place)),
        left_out=tuple(run.folder.name for run in read if run not in shown),
        parts=tuple(_part(path, includes_uncovered) for path in dict.fromkeys(results)),
        limits=limits,
    )


def _place(run: RenderedRun) -> tuple[int, float]:
    order = ("public", "real", "private", "NON-PRIVATE").index(run.status)
    return order, float("inf") if run.certificate.epsilon is None else run.certificate.epsilon


def _part(path: Path, includes_uncovered: bool) -> Part:
    results, folder = Results.load(path), path if path.is_dir() else path.parent
    if strangers := [
        p.file for p in results.pictures if not (folder / p.file).resolve().is_relative_to(folder.resolve())
    ]:
        raise UserError(f"Expected pictures beside the results in {folder}, and {strangers[0]} is elsewhere.")
    if includes_uncovered:
        return Part(folder, results, 0, has_pictures=True)
    rows = tuple(shown for row in results.rows if (shown := _covered(row)) is not None)
    before, after = _count(results.rows), _count(rows)
    notes = results.notes if before == after else ()
    return Part(folder, replace(results, rows=rows, notes=notes), before - after, has_pictures=before == after)


def _covered(row: Row) -> Row | None:
    """What of a row is released: None if nothing. Real images are nobody's release; numbers about them may be."""
    kept = tuple(found for found in row.measurements if not reads_private(found))
    if is_uncovered(row) or (row.measurements and not kept):
        return None
    return replace(row, measurements=kept, images=() if row.status == "real" else row.images)


def _count(rows: Sequence[Row]) -> int:
    return sum(max(1, len(row.measurements)) for row in rows)
