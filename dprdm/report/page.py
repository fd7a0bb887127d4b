"""The report as one HTML file: it asks for nothing from anywhere, and needs no script."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

import jinja2
import markupsafe

import dprdm
from dprdm.privacy.accountant import library_version
from dprdm.report import formatting as wording
from dprdm.report import texts
from dprdm.report.attack_bounds import joint_promise
from dprdm.report.content import Material, Part, is_uncovered
from dprdm.report.embedding import Embedded, embed_figure
from dprdm.report.facts import view_run
from dprdm.report.gallery import Shown, lay_out, show
from dprdm.report.stores import StoreAccount
from dprdm.report.tables import Table, tabulate
from dprdm.report.texts import CHAPTERS, OTHER, Chapter

TEMPLATES = files("dprdm.report") / "templates"
BEFORE = (("guarantee", "The guarantee"), ("budget", "The budget"), ("images", "The same prompts in every run"))
AFTER = (("provenance", "Provenance: repeat it, verify it"), ("limits", "What is not covered, and what words mean"))


@dataclass(frozen=True)
class PictureView:
    """A figure with what is said of it."""

    image: Embedded
    caption: str
    alt: str


@dataclass(frozen=True)
class Strip:
    """Images of one row of some results."""

    name: str
    uncovered: bool
    images: tuple[Shown, ...]


@dataclass(frozen=True)
class PartView:
    """Some results, ready to be shown."""

    part: Part
    table: Table
    pictures: tuple[PictureView, ...]
    strips: tuple[Strip, ...]
    has_intervals: bool


@dataclass(frozen=True)
class Section:
    """One chapter with its results."""

    id: str
    about: str
    missing: str
    command: str
    parts: tuple[PartView, ...]


def render_page(material: Material, stores: Sequence[StoreAccount], title: str, command: str) -> str:
    """The HTML.

    Args:
        material: what may be shown.
        stores: what was spent on it.
        title: its heading.
        command: that repeats it.
    """
    environment = page_environment()
    chapters = (*CHAPTERS, *([OTHER] if in_chapter(OTHER, material.parts) else []))
    contents = (*BEFORE, *((chapter.id, chapter.title) for chapter in chapters), *AFTER)
    runs = [view_run(run) for run in material.runs]
    joint = joint_promise([store.promise for store in stores]) if stores else None
    return environment.get_template("report.html.j2").render(
        title=title,
        command=command,
        css=markupsafe.Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        contents=contents,
        position={id: number for number, (id, _) in enumerate(contents, start=1)},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=f"dprdm {dprdm.__version__}",
        versions=(("Report by", f"dprdm {dprdm.__version__}"), ("Accountants", library_version()),
                  ("Python", platform.python_version())),
        material=material,
        limits=material.limits,
        runs=runs,
        num_images=float(sum(run.num_images for run in runs)),
        stores=stores,
        promise=joint,
        unit=min((store.unit for store in stores), key=lambda unit: unit != "one record", default=""),
        records=list(dict.fromkeys(store.records for store in stores if store.records)),
        meaning="" if joint is None else texts.meaning(joint),
        gallery=lay_out(material.runs, material.limits),
        sections=[_section(chapter, material) for chapter in chapters],
        not_covered=texts.NOT_COVERED,
        glossary=texts.GLOSSARY,
    )  # fmt: skip


def page_environment() -> jinja2.Environment:
    """Templates of pages: every value is escaped, and one that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dprdm.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        number=wording.number, odds=wording.odds, share=wording.share, shortened=wording.shortened
    )
    return environment


def in_chapter(chapter: Chapter, parts: Sequence[Part]) -> list[Part]:
    """The results that belong into a chapter, in the order of its kinds."""
    if chapter.kinds:
        found = [part for part in parts if part.results.kind in chapter.kinds]
        return sorted(found, key=lambda part: chapter.kinds.index(part.results.kind))
    known = {kind for other in CHAPTERS for kind in other.kinds}
    return [part for part in parts if part.results.kind not in known]


def _section(chapter: Chapter, material: Material) -> Section:
    parts = tuple(_part(part, material) for part in in_chapter(chapter, material.parts))
    return Section(chapter.id, chapter.about, chapter.missing, chapter.command, parts)


def _part(part: Part, material: Material) -> PartView:
    pictures = part.results.pictures if part.has_pictures else ()
    rows, limits = part.results.rows, material.limits
    return PartView(
        part=part,
        table=tabulate(part.results),
        pictures=tuple(
            PictureView(embed_figure(part.folder / picture.file), picture.caption, picture.alt) for picture in pictures
        ),
        strips=tuple(
            Strip(
                row.name,
                is_uncovered(row) or row.status == "real",
                tuple(show(part.folder / file, limits.side) for file in row.images[: 2 * limits.images]),
            )
            for row in rows
            if row.images
        ),
        has_intervals=any(found.low is not None for row in rows for found in row.measurements),
    )
