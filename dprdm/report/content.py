"""What a report shows of the runs and results that it is given: by default, only what a guarantee covers.

NON-PRIVATE runs and rows, numbers that read private images, and pictures of real rows are outside every guarantee. They are
left out, and counted; where they are asked for, they stay marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dprdm import check
from dprdm.errors import UserError
from dprdm.report.tables import Table, tabulate
from dprdm.report.texts import CHAPTERS, OTHER, Chapter
from dprdm.runs.results import Picture, Results, Row
from dprdm.runs.run_reader import RenderedRun


@dataclass(frozen=True)
class Limits:
    """How much a page shows.

    Args:
        images: at most, of each prompt and run.
        prompts: at most, the first ones.
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
class ResultsPart:
    """One file of results, as far as it is shown.

    Args:
        folder: where its pictures are.
        results: without what is left out.
        num_left_out: rows and numbers that were left out.
    """

    folder: Path
    results: Results
    num_left_out: int = 0

    @cached_property
    def table(self) -> Table:
        """The numbers."""
        return tabulate(self.results)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The figures; none where something was left out, because they may show it."""
        return () if self.num_left_out else self.results.pictures

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences beneath the table; none where something was left out, because they may tell it."""
        return () if self.num_left_out else self.results.notes

    def covered(self) -> "ResultsPart":
        """Return the rows and numbers that a guarantee covers, with a count of the others."""
        rows = tuple(covered for row in self.results.rows if (covered := _covered(row)) is not None)
        num_left_out = self.num_left_out + _count(self.results.rows) - _count(rows)
        return ResultsPart(self.folder, replace(self.results, rows=rows), num_left_out)


@dataclass(frozen=True)
class ReportContent:
    """All that a report shows.

    Args:
        runs: public ones first, then by epsilon, then NON-PRIVATE ones.
        parts: results, in the order given.
        left_out: names of runs that were left out.
    """

    runs: tuple[RenderedRun, ...]
    parts: tuple[ResultsPart, ...]
    left_out: tuple[str, ...] = ()

    @property
    def has_uncovered(self) -> bool:
        """Whether anything is shown that no guarantee covers."""
        return self.covered() != self

    def covered(self) -> "ReportContent":
        """Return what a guarantee covers, with the names and counts of the rest."""
        left_out = tuple(run.folder.name for run in self.runs if run.is_uncovered)
        return ReportContent(
            runs=tuple(run for run in self.runs if not run.is_uncovered),
            parts=tuple(part.covered() for part in self.parts),
            left_out=self.left_out + left_out,
        )

    def chapters(self) -> list[tuple[Chapter, list[ResultsPart]]]:
        """Return every chapter with its results, in the order of its kinds; what belongs to none stands in the last."""
        kinds = {kind for chapter in CHAPTERS for kind in chapter.kinds}
        others = [part for part in self.parts if part.results.kind not in kinds]
        return [
            *(
                (chapter, [p for kind in chapter.kinds for p in self.parts if p.results.kind == kind])
                for chapter in CHAPTERS
            ),
            *([(OTHER, others)] if others else []),
        ]


def gather(runs: Sequence[Path], results: Sequence[Path]) -> ReportContent:
    """Read all that may be shown.

    Args:
        runs: folders that `predict` or `render` left.
        results: folders or files of results.
    Raises:
        UserError: if neither is given, or anything is missing or damaged.
    """
    if not runs and not results:
        raise UserError("Expected run folders, or --results; got neither.")
    rendered = [RenderedRun(folder) for folder in dict.fromkeys(runs)]
    return ReportContent(tuple(sorted(rendered, key=_order)), tuple(map(_read_part, dict.fromkeys(results))))


def _order(run: RenderedRun) -> tuple[bool, float]:
    epsilon = 0.0 if run.status == "public" else run.certificate.epsilon
    return run.is_uncovered, float("inf") if epsilon is None else epsilon


def _read_part(path: Path) -> ResultsPart:
    results, folder = Results.load(path), path if path.is_dir() else path.parent
    for picture in results.pictures:
        if not (folder / picture.file).resolve().is_relative_to(folder.resolve()):
            raise UserError(f"Expected pictures beside the results in {folder}, and {picture.file} is elsewhere.")
    return ResultsPart(folder, results)


def _covered(row: Row) -> Row | None:
    """Return what of a row is released; None if nothing. Real images are nobody's release; numbers about them may be."""
    covered = tuple(number for number in row.measurements if not number.provenance.reads_private)
    if row.is_uncovered or (row.measurements and not covered):
        return None
    return replace(row, measurements=covered, images=() if row.status == "real" else row.images)


def _count(rows: Sequence[Row]) -> int:
    return sum(max(1, len(row.measurements)) for row in rows)
