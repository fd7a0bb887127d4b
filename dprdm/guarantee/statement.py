"""A certificate in plain words, for those who decide and do not read code."""

from collections.abc import Mapping
from typing import Any, Final

from dprdm.errors import UserError

# What covers an output, as certificates say it.
PRIVATE: Final = "private"
PUBLIC_ONLY: Final = "reads no private record"
NON_PRIVATE: Final = "NON-PRIVATE"

COVERED = (
    "Every vector in the conditions file, and all that is computed from it without the private data: images, any number "
    "of them, with any seed and any generator.",
    "Attackers who know every other record, the prompts, the settings, this program and the model weights.",
)
COVERED_WEIGHTS = (
    "The trained weights, and all that is computed from them without the private data: images, any number of them, for any "
    "prompts.",
    "Attackers who know every other record, the prompts, the settings and this program.",
)
PUBLIC_WEIGHTS = "The public models: generator and encoder are taken to be trained without the private data."
ROW_COUNT = "The number of records, where delta was left at its default of 1 over that number, which is thereby public."
NOT_COVERED = (
    "Prompts. They must not be taken from the private data: a caption copied from a record is published as it is.",
    ROW_COUNT,
    "Numbers computed from the private data in another way, such as metrics against private images.",
    PUBLIC_WEIGHTS,
    "Settings chosen by looking at the private data or at earlier answers from it. Queries may depend on those.",
    "How long a run took: that depends on how many rows were sampled.",
    "Persons and records that are also in another store, and near copies of a record under another unit or name: ledgers "
    "do not know of each other.",
    "Facts about the collection as a whole: those are learnt, and are meant to be.",
    "NON-PRIVATE releases of the same store. They are recorded in its ledger and marked on every output, and protect nobody.",
)


def unit_in_words(unit_is_person: bool, max_per_unit: int) -> str:
    """Name the unit of privacy, as certificates do.

    Args:
        unit_is_person: of the store, asked of its manifest.
        max_per_unit: most records that a person may hold; 1 where the unit is a record.
    """
    if unit_is_person:
        return f"one person holding at most {max_per_unit} record{'' if max_per_unit == 1 else 's'}"
    if max_per_unit != 1:
        raise UserError(f"Expected max_per_unit=1 where the unit of privacy is a record, got {max_per_unit}.")
    return "one record"


def to_words(certificate: Mapping[str, Any]) -> str:
    """Return the Markdown of a certificate, from its fields."""
    rows = [f"| {label} | {value} |" for label, value in certificate_facts(certificate).items()]
    parts = [_headline(certificate), "\n".join(["| | |", "|---|---|", *rows])]
    if certificate["status"] == PRIVATE:
        covered, not_covered = (COVERED, NOT_COVERED) if certificate.get("weights") is None else _of_weights()
        public = () if certificate["delta_is_default"] else (ROW_COUNT,)
        lists = {"Covered": covered, "Not covered": [line for line in not_covered if line not in public]}
        parts += ["\n".join([f"## {title}", "", *(f"- {item}" for item in items)]) for title, items in lists.items()]
    return "\n\n".join(parts) + "\n"


def certificate_facts(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return what a reviewer needs of a certificate, from its fields: values in words, by label."""
    costs, ledger = fields["accountants"], fields["ledger"]
    entry = "none"
    if ledger is not None:
        spent = min(
            (ledger["spent"][name] for name in ("pld", "rdp") if ledger["spent"][name] is not None), default=None
        )
        of_cap = f"epsilon {_number(spent)} of {ledger['cap']['epsilon']:.4g} spent in all releases"
        entry = f"row {ledger['row']}, hash {ledger['hash']}, {of_cap}"
    facts = {
        "Queries": str(fields["num_queries"]),
        "Relation": f"{fields['relation']}: {fields['unit']}",
        "Mechanism": _plugin(fields["mechanism"]),
        "Retriever": _plugin(fields["retriever"]),
        "noise_std": f"{fields['noise_std']:.6g}",
        "Sensitivity": f"{fields['sensitivity']:.6g}",
        "noise_multiplier": f"{fields['noise_multiplier']:.6g}",
        "Epsilon by PLD": _number(costs["pld"]),
        "Epsilon by RDP": f"{_number(costs['rdp'])} (order {_number(costs['rdp_order'])})",
        "Epsilon by PRV, a cross-check": _number(costs["prv"]) if costs.get("prv") is not None else "not computed",
        "Charged": f"{costs['charged']}, {costs['library']}",
        "Store": fields["store_fingerprint"],
        "Store's ledger": entry,
        "Conditions, SHA-256": fields["conditions_sha256"] or "none",
        "Release, SHA-256": fields.get("release_sha256") or "",
        "Weights, SHA-256": (fields.get("weights") or {}).get("sha256", ""),
        "Randomness": fields["rng"],
        "Code": fields["code_version"],
        "Made": fields["created"],
    }
    return {label: value for label, value in facts.items() if value}


def _headline(fields: Mapping[str, Any]) -> str:
    if fields["status"] == NON_PRIVATE:
        return (
            f"# {NON_PRIVATE}\n\n**This output protects nobody.** It was made from private records without noise. "
            "Do not publish it, nor anything made from it."
        )
    if fields["status"] == PUBLIC_ONLY:
        return "# Epsilon 0: read no private record\n\nThis output was made from public records alone."
    epsilon, delta = f"{fields['epsilon']:.4g}", f"{fields['delta']:.4g}"
    return (
        f"# Private: epsilon {epsilon} at delta {delta}\n\n"
        f"Whether {fields['unit']} is in the collection or not changes the probability of any outcome by a factor of "
        f"at most exp({epsilon}), and by {delta} besides. The relation: {fields['relation']}."
    )


def _of_weights() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is covered, and what is not, where it is the generator's weights that are private."""
    encoder = (
        "The weights that the training started from, and the encoder's: taken to be trained without the private data."
    )
    return COVERED_WEIGHTS, tuple(encoder if line == PUBLIC_WEIGHTS else line for line in NOT_COVERED)


def _plugin(plugin: Mapping[str, Any]) -> str:
    fields = ", ".join(f"{name} {value}" for name, value in plugin["fields"].items())
    return f"{plugin['name']} ({fields})" if fields else plugin["name"]


def _number(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.5g}"
