"""Chapters, glossary and explanations of a report, in the order in which they are read."""

from typing import NamedTuple

from dprdm.report.attack_bounds import Promise


class Chapter(NamedTuple):
    """A section made of results.

    Args:
        id: of its anchor.
        title: its heading.
        kinds: of results that belong here; none: all that belong nowhere else.
        about: how to read it.
        missing: what would be here.
        command: that makes it.
    """

    id: str
    title: str
    kinds: tuple[str, ...]
    about: str
    missing: str
    command: str


CHAPTERS = (
    Chapter(
        "quality",
        "What privacy costs in quality",
        ("sweep", "test", "rivals"),
        "Quality against the budget. Numbers stand in one column only where they were made alike: the letter at a heading "
        "leads to how. Compare with public-only rows first: what they reach costs nothing.",
        "A sweep draws quality against epsilon:",
        "dprdm sweep --out runs/sweep",
    ),
    Chapter(
        "retrieval",
        "What noise does to retrieval",
        ("fidelity",),
        "How near the released vectors are to what would have been retrieved without noise.",
        "Fidelity of retrieval at every budget:",
        "dprdm fidelity --out runs/fidelity",
    ),
    Chapter(
        "attacks",
        "What attackers find",
        ("attack", "audit"),
        "An attack can only show a leak, never that there is none. Hold what it finds against the ceiling above, which no "
        "attack can pass.",
        "Attacks on what was released:",
        "dprdm attack --out runs/attack",
    ),
)
OTHER = Chapter("further", "Further results", (), "What else was measured.", "", "")

GLOSSARY = (
    (
        "For those who decide",
        (
            ("Private collection", "The images that are to be protected. They never leave; only noisy averages do."),
            ("Epsilon", "How much one record can change what is seen, at most. Smaller is safer; 0 means not at all."),
            ("Delta", "The small chance that is left out of the promise. It should be far below one over the records."),
            ("Budget, cap", "The most epsilon that a collection may ever spend. A request past it is refused."),
            ("Ledger", "The list of all that was ever paid. It is written before, not after, and cannot be edited unseen."),
            ("Certificate", "What one run promises, with what is needed to recompute it."),
            ("NON-PRIVATE", "Made without noise, for comparison inside. It protects nobody."),
        ),
    ),
    (
        "For those who review",
        (
            ("Guarantee", "P[M(D) in S] <= e^epsilon P[M(D') in S] + delta for all S and all D, D' that differ in one unit, "
             "added or removed; over all releases of a store, queries chosen adaptively."),
            ("PLD, RDP", "Privacy loss distributions with pessimistic rounding, and Renyi divergences at the paper's orders. "
             "Both are upper bounds; the smaller is charged."),
            ("Ceiling on attacks", "min(e^eps FPR + delta, 1 - e^-eps (1 - delta - FPR)), the least over several pairs "
             "(eps, delta) that hold of the store's composed event; for one unit of membership, whatever else is known."),
            ("noise_std, sensitivity", "noise_multiplier = noise_std / sensitivity is what the accountants see."),
            ("Post-processing", "Rendering, mixing with public vectors, denoising, metrics against public data: no cost."),
            ("Provenance", "Feature network and its weights, resizing, and counts of real and generated images: all must be "
             "equal before two numbers are compared."),
        ),
    ),
)  # fmt: skip


def meaning(promise: Promise) -> str:
    """Return a sentence for those who decide, no stronger than the ceiling on attacks."""
    if promise.detected <= 0.1:
        return (
            "Guessing would find 1%. An attacker who may falsely accuse one outsider in a hundred finds few members, whatever "
            "they know and however they compute."
        )
    if promise.detected <= 0.5:
        return (
            "Guessing would find 1%. In the worst case an attacker finds some members, with many doubts. The promise holds "
            "whatever they know and however they compute. Known attacks tend to find less, which is an observation and no promise."
        )
    return (
        "Guessing would find 1%. By itself this promise rules out little: in the worst case an attacker could tell many members. "
        "Known attacks often find less, but that is an observation and no promise. Prefer a smaller epsilon for what is published."
    )
