"""Write a report of runs and results: one page, two cards for publishing, and the results as Markdown. Reads no private data."""

import logging
from collections.abc import Sequence
from pathlib import Path

from dprdm.files import write_text
from dprdm.report.cards import data_card, model_card
from dprdm.report.content import Limits, ReportContent, gather
from dprdm.report.page import render_page, write_markdown
from dprdm.report.stores import store_accounts

log = logging.getLogger(__name__)
PAGE, MODEL_CARD, DATA_CARD = "report.html", "model_card.md", "data_card.md"


def write_report(
    runs: Sequence[Path],
    results: Sequence[Path],
    out: Path,
    title: str = "Synthetic images from a private collection",
    license: str = "unknown",
    limits: Limits | None = None,
    include_nonprivate: bool = False,
    markdown: Path | None = None,
    figures: Path | None = None,
    command: str = "",
) -> ReportContent:
    """Write report.html, model_card.md and data_card.md.

    Args:
        runs: folders of runs, as `predict` and `render` leave them.
        results: folders with a results.json.
        out: folder of the three files.
        title: of the page and the cards.
        license: of the images, as Hugging Face names licences.
        limits: how much the page shows.
        include_nonprivate: also show what no guarantee covers, marked; the cards leave it out all the same.
        markdown: file of a Markdown page with the results, if one is wanted.
        figures: folder of that page's pictures; by default one named after the page, in the same folder.
        command: repeats it; stands on the pages.
    Returns:
        What was shown, with what was left out.
    Raises:
        UserError: if there is nothing to show, or anything is missing or damaged; nothing is written then.
    """
    content = gather(runs, results)
    content = content if include_nonprivate else content.covered()
    stores = store_accounts(content.runs)
    page = render_page(content, stores, limits or Limits(), title, command)
    cards = {MODEL_CARD: model_card(content, title, license), DATA_CARD: data_card(content, stores, title, license)}
    for name, text in {PAGE: page, **cards}.items():
        write_text(out / name, text)
    log.info(f"  report      {out / PAGE} ({len(page.encode()) / 1e6:.1f} MB)")
    log.info(f"  cards       {out / MODEL_CARD}, {out / DATA_CARD}")
    if markdown is not None:
        write_markdown(content, title, command, markdown, figures or markdown.with_suffix(""))
        log.info(f"  results     {markdown}")
    num_left_out = sum(part.num_left_out for part in content.parts)
    if content.left_out or num_left_out:
        runs_and_entries = f"{len(content.left_out)} runs and {num_left_out} entries of results"
        log.info(f"Left out, because no guarantee covers it: {runs_and_entries}.")
    if content.has_uncovered:
        log.info("This report holds material without a guarantee: keep it inside.")
    for store in stores:
        if store.fault is not None:
            log.warning(f"WARNING: the ledger of {store.name} does not hold. {store.fault}")
    return content
