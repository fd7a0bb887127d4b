"""`report`: what was promised, spent, drawn and measured, as one page for those who decide and those who review."""

from pathlib import Path

from dprdm.cli.function import repeated_by


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
        image_side: images with a longer side are shrunk to this many pixels.
        include_nonprivate: also show what no guarantee covers, marked. Never for publishing; the cards leave it out all the same.
        markdown: also write the results as a Markdown page to this file.
        figures: folder of the Markdown page's pictures; by default one named after the page, in the same folder.
    """
    from dprdm.report.content import Limits
    from dprdm.workflows.report import write_report

    write_report(
        runs, results, out, title, license, Limits(images_per_prompt, most_prompts, image_side), include_nonprivate,
        markdown, figures, repeated_by("report"),
    )  # fmt: skip
