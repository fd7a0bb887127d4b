"""The same results as a Markdown page, with its figures in a folder beside it."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dprdm.errors import UserError
from dprdm.files import write_text, write_whole
from dprdm.report.cards import fill_markdown
from dprdm.report.content import Material, Part
from dprdm.report.page import in_chapter
from dprdm.report.tables import Table, tabulate
from dprdm.report.texts import CHAPTERS, OTHER, Chapter
from dprdm.runs.results import Picture, Results


@dataclass(frozen=True)
class Linked:
    """A figure, where it comes from, where it goes, and how the page names it."""

    source: Path
    target: Path
    link: str
    alt: str
    caption: str


@dataclass(frozen=True)
class PagePart:
    """Some results on the page."""

    results: Results
    table: Table
    pictures: tuple[Linked, ...]
    left_out: int


@dataclass(frozen=True)
class PageChapter:
    """A heading with its results, and GitHub's anchor for it."""

    title: str
    anchor: str
    about: str
    parts: tuple[PagePart, ...]


def write_markdown(material: Material, title: str, command: str, page: Path, figures: Path) -> None:
    """Copy the figures, then write the page.

    Args:
        material: what may be shown.
        title: heading of the page.
        command: repeats it.
        page: the Markdown file.
        figures: folder of its pictures.
    Raises:
        UserError: if a figure is missing.
    """
    chapters = [_chapter(chapter, material, page, figures) for chapter in (*CHAPTERS, OTHER)]
    text = fill_markdown(
        "results.md.j2",
        title=title,
        command=command,
        has_uncovered=material.has_uncovered,
        contents=[chapter for chapter in chapters if chapter.parts],
    )
    for linked in (picture for chapter in chapters for part in chapter.parts for picture in part.pictures):
        write_whole(linked.target, _copy(linked.source))
    write_text(page, text)


def _copy(source: Path) -> Callable[[Path], object]:
    return lambda beside: shutil.copyfile(source, beside)


def _chapter(chapter: Chapter, material: Material, page: Path, figures: Path) -> PageChapter:
    parts = tuple(_part(part, page, figures) for part in in_chapter(chapter, material.parts))
    return PageChapter(chapter.title, chapter.title.lower().replace(" ", "-"), chapter.about, parts)


def _part(part: Part, page: Path, figures: Path) -> PagePart:
    pictures = part.results.pictures if part.has_pictures else ()
    linked = tuple(_linked(part, picture, page, figures) for picture in pictures)
    return PagePart(part.results, tabulate(part.results), linked, part.left_out)


def _linked(part: Part, picture: Picture, page: Path, figures: Path) -> Linked:
    source = part.folder / picture.file
    if not source.is_file():
        raise UserError(f"Expected a picture at {source}, and there is none. Run `{part.results.kind}` again.")
    target = figures / f"{part.folder.name}-{Path(picture.file).name}"
    link = Path(os.path.relpath(target, page.parent)).as_posix().replace(" ", "%20")
    return Linked(source, target, link, picture.alt, picture.caption)
