"""`report`: what was promised, spent, drawn and measured, as one page for who decides and who reviews."""

import shlex
import sys
from pathlib import Path

from dprdm.report.content import Limits, gather
from dprdm.report.stores import store_accounts


def report(
    runs: list[Path] = [],  # noqa: B006 - read only; jsonargparse shows the default
    results: list[Path] = [],  # noqa: B006
    out: Path = Path("runs/report"),
    title: str = "Synthetic images from a private collection",
    license: str = "unknown",
    images_per_prompt: int = 4,
    most_prompts: int = 24,
    image_side: int = 256,
    include_nonprivate: bool = False,
    markdown: Path | None = None,
    figures: Path | None = None,
) -> None:
    """Write report.html, model_card.md and data_card.md from runs and results. Reads no private data.

    Args:
        runs: folders of runs, as predict and render leave them; given by position.
        results: folders with a results.json, as test, sweep, fidelity, attack and the rivals leave them.
        out: folder of the three files.
        title: of the page and the cards.
        license: of the images, as Hugging Face names licences; stands in the cards.
        images_per_prompt: shown of each prompt and run.
        most_prompts: shown at most.
        image_side: images with a longer side are shrunk to so many pixels.
        include_nonprivate: also show what no guarantee covers, marked. Never for publishing; the cards leave it out all the same.
        markdown: also write the results as a Markdown page to this file.
        figures: folder of the Markdown page's pictures; by default one named after the page, beside it.
    """
    from dprdm.files import write_text
    from dprdm.report.cards import data_card, model_card
    from dprdm.report.markdown import write_markdown
    from dprdm.report.page import render_page

    material = gather(runs, results, include_nonprivate, Limits(images_per_prompt, most_prompts, image_side))
    stores = store_accounts(material.runs)
    command = _command(runs, results, out, include_nonprivate)
    pages = {
        "report.html": render_page(material, stores, title, command),
        "model_card.md": model_card(material, title, license),
        "data_card.md": data_card(material, stores, title, license),
    }
    for name, text in pages.items():
        write_text(out / name, text)
    print(f"  report      {out / 'report.html'} ({len(pages['report.html'].encode()) / 1e6:.1f} MB)")
    print(f"  cards       {out / 'model_card.md'}, {out / 'data_card.md'}")
    if markdown is not None:
        write_markdown(material, title, command, markdown, figures or markdown.with_suffix(""))
        print(f"  results     {markdown}")
    left_out = sum(part.left_out for part in material.parts)
    if material.left_out or left_out:
        print(
            f"Left out, because no guarantee covers it: {len(material.left_out)} runs and {left_out} entries of results."
        )
    if material.has_uncovered:
        print("This report holds material without a guarantee: keep it inside.")
    for store in stores:
        if store.fault is not None:
            print(f"WARNING: the ledger of {store.name} does not hold. {store.fault}", file=sys.stderr)


def _command(runs: list[Path], results: list[Path], out: Path, include_nonprivate: bool) -> str:
    words = ["python", "main.py", "report", *map(str, runs)]
    words += ["--results", *map(str, results)] if results else []
    words += ["--include_nonprivate", "true"] if include_nonprivate else []
    return shlex.join([*words, "--out", str(out)])
