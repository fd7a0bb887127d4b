"""The report as one HTML file, which asks for nothing from anywhere and needs no script; and its results as Markdown."""

import os
import platform
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path

import markupsafe

import dprdm
from dprdm.files import write_text, write_whole
from dprdm.guarantee.statement import NOT_COVERED
from dprdm.privacy.accountant import library_version
from dprdm.report import texts
from dprdm.report.attack_bounds import joint_promise
from dprdm.report.content import Limits, ReportContent, ResultsPart
from dprdm.report.embedding import EmbeddedImage, embed_image
from dprdm.report.facts import RunSummary
from dprdm.report.stores import StoreAccount
from dprdm.report.templating import fill_template
from dprdm.runs.results import Picture
from dprdm.runs.run_reader import RenderedRun

BEFORE = (("guarantee", "The guarantee"), ("budget", "The budget"), ("images", "The same prompts in every run"))
AFTER = (("provenance", "Provenance: repeat it, verify it"), ("limits", "What is not covered, and what words mean"))
# Width of an image, in pixels of the page, where few runs stand next to each other, and many.
WIDE, NARROW, FEW = 92, 64, 3


def render_page(
    content: ReportContent, stores: Sequence[StoreAccount], limits: Limits, title: str, command: str
) -> str:
    """Return the HTML.

    Args:
        content: what may be shown.
        stores: what was spent on it.
        limits: how much of it.
        title: its heading.
        command: repeats it.
    """
    chapters = content.chapters()
    headings = (*BEFORE, *((chapter.id, chapter.title) for chapter, _ in chapters), *AFTER)
    runs = [RunSummary(run) for run in content.runs]
    promise = joint_promise([store.promise for store in stores]) if stores else None
    prompts = _images_by_prompt(content.runs)
    width = WIDE if len(runs) <= FEW else NARROW

    def tile(file: Path) -> EmbeddedImage:
        return embed_image(file, limits.side).scaled_to(width)

    return fill_template(
        "report.html.j2",
        title=title,
        command=command,
        css=markupsafe.Markup((files("dprdm.report") / "templates" / "report.css").read_text(encoding="utf-8")),
        headings=headings,
        position={id: number for number, (id, _) in enumerate(headings, start=1)},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=f"dprdm {dprdm.__version__}",
        versions={"Report by": f"dprdm {dprdm.__version__}", "Accountants": library_version(),
                  "Python": platform.python_version()},
        content=content,
        chapters=chapters,
        limits=limits,
        runs=runs,
        num_images=sum(len(run.samples) for run in content.runs),
        stores=stores,
        promise=promise,
        meaning="" if promise is None else texts.meaning(promise),
        unit=min((store.unit for store in stores), key=lambda unit: unit != "one record", default=""),
        records=list(dict.fromkeys(store.records for store in stores if store.records)),
        prompts=dict(list(prompts.items())[: limits.prompts]),
        num_hidden=max(0, len(prompts) - limits.prompts),
        tile=tile,
        figure=embed_image,
        not_covered=NOT_COVERED,
        glossary=texts.GLOSSARY,
    )  # fmt: skip


def write_markdown(content: ReportContent, title: str, command: str, page: Path, figures: Path) -> None:
    """Copy the figures of the results into a folder, and write the results as a Markdown page that links to them.

    Args:
        content: what may be shown.
        title: heading of the page.
        command: repeats it.
        page: the Markdown file.
        figures: folder of its pictures.
    """

    def target(part: ResultsPart, picture: Picture) -> Path:
        name = part.folder.resolve().name
        namesakes = list(dict.fromkeys(other.folder for other in content.parts if other.folder.resolve().name == name))
        number = namesakes.index(part.folder) + 1
        return figures / "-".join([name, *([str(number)] if number > 1 else []), Path(picture.file).name])

    def link(part: ResultsPart, picture: Picture) -> str:
        return Path(os.path.relpath(target(part, picture), page.parent)).as_posix().replace(" ", "%20")

    chapters = [(chapter, parts) for chapter, parts in content.chapters() if parts]
    text = fill_template("results.md.j2", title=title, command=command, content=content, chapters=chapters, link=link)
    for part in content.parts:
        for picture in part.pictures:
            write_whole(target(part, picture), partial(shutil.copyfile, part.folder / picture.file))
    write_text(page, text)


def _images_by_prompt(runs: Sequence[RenderedRun]) -> dict[str, list[list[Path]]]:
    """Return by prompt, in the order in which runs asked them, the files of each run; none where it was not asked."""
    files: dict[str, list[list[Path]]] = {}
    for column, run in enumerate(runs):
        for sample in run.samples:
            files.setdefault(sample.prompt, [[] for _ in runs])[column].append(run.folder / sample.file)
    return files
