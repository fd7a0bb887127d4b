"""Cards for publishing, in Markdown with the YAML that Hugging Face reads. They never speak of what no guarantee covers."""

from collections.abc import Sequence
from typing import Any

import yaml

from dprdm.guarantee.statement import NOT_COVERED
from dprdm.report.attack_bounds import joint_promise
from dprdm.report.content import ReportContent
from dprdm.report.facts import RunSummary
from dprdm.report.formatting import shortened
from dprdm.report.stores import StoreAccount
from dprdm.report.templating import fill_template

# Where a size category of Hugging Face ends, and its name.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
NETWORK = ("latent_size", "latent_channels", "condition_dim", "widths", "blocks", "knows_noise")


def data_card(content: ReportContent, stores: Sequence[StoreAccount], title: str, license: str) -> str:
    """Return the card of the images."""
    runs = [RunSummary(run) for run in content.covered().runs]
    paying = [store for store in stores if {run.name for run in runs} & set(store.runs)]
    num_images = sum(len(run.run.samples) for run in runs)
    front = {
        "pretty_name": title,
        "license": license,
        "language": ["en"],
        "task_categories": ["text-to-image"],
        "size_categories": [next((name for most, name in SIZES if num_images < most), "n>1M")],
        "annotations_creators": ["machine-generated"],
        "tags": ["synthetic", "differential-privacy", "dprdm"],
        "privacy": {
            "stores": [_store(store) for store in paying],
            "runs": [_run(run) for run in runs],
            "not_covered": list(NOT_COVERED),
        },
    }
    return fill_template(
        "data_card.md.j2", front=_yaml(front), title=title, runs=runs, stores=paying, num_images=num_images,
        num_prompts=len({prompt for run in runs for prompt in run.run.prompts}),
        joint=joint_promise([store.promise for store in paying]) if paying else None, not_covered=NOT_COVERED,
    )  # fmt: skip


def model_card(content: ReportContent, title: str, license: str) -> str:
    """Return the card of the generator, with the numbers of `test` that a guarantee covers."""
    covered = content.covered()
    front = {
        "license": license,
        "language": ["en"],
        "pipeline_tag": "text-to-image",
        "library_name": "dprdm",
        "tags": ["diffusion", "retrieval", "differential-privacy", "dprdm"],
    }
    generators = {str(facts): facts for run in covered.runs if (facts := _generator(RunSummary(run)))}
    parts = [part for part in covered.parts if part.results.kind == "test" and part.table.headings]
    return fill_template(
        "model_card.md.j2", front=_yaml(front), title=title, generators=list(generators.values()), parts=parts
    )


def _yaml(front: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return text


def _store(store: StoreAccount) -> dict[str, Any]:
    return {
        "store": store.fingerprint,
        "epsilon": store.promise.epsilon,
        "delta": store.promise.delta,
        "unit": store.unit,
        "relation": "add or remove one unit",
        "cap": store.cap.epsilon,
        "ledger": "broken" if store.fault else "verified" if store.entries else "as certified",
    }


def _run(run: RunSummary) -> dict[str, Any]:
    certificate = run.certificate
    return {
        "name": run.name,
        "status": certificate.status,
        "epsilon": 0.0 if run.run.status == "public" else certificate.epsilon,
        "delta": certificate.delta,
        "unit": certificate.unit,
        "relation": certificate.relation,
        "mechanism": certificate.mechanism["name"],
        "queries": certificate.num_queries,
        "conditions_sha256": certificate.conditions_sha256,
    }


def _generator(run: RunSummary) -> dict[str, str]:
    """Return labels and values of the generator that drew a run, as far as its config and rendering say."""
    model, data = (run.config.get(name) or {} for name in ("model", "data"))
    arguments, of_data = (part.get("init_args") or {} for part in (model, data))
    network, source = arguments.get("network") or {}, of_data.get("source") or {}
    encoder = (of_data.get("encoder") or {}).get("init_args") or {}
    facts = {
        "Class": model.get("class_path", ""),
        "Network": ", ".join(f"{name} {network[name]}" for name in NETWORK if name in network),
        "Public training images": source.get("class_path", ""),
        "Encoder of its conditions": encoder.get("model", ""),
        **run.drawing,
    }
    return {name: shortened(str(value)) for name, value in facts.items() if value}
