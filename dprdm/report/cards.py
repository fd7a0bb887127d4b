"""Cards for publishing, in Markdown with the YAML that Hugging Face reads. They never speak of NON-PRIVATE runs."""

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jinja2
import yaml

from dprdm.report import formatting as wording
from dprdm.report import texts
from dprdm.report.attack_bounds import joint_promise
from dprdm.report.content import Material
from dprdm.report.facts import view_run
from dprdm.report.stores import StoreAccount, run_config
from dprdm.report.tables import Table, tabulate
from dprdm.runs.results import Results, Row
from dprdm.runs.run_reader import RenderedRun

# Where a size category of Hugging Face ends, and its name.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
NETWORK = ("latent_size", "latent_channels", "condition_dim", "widths", "blocks", "knows_noise")


def data_card(material: Material, stores: Sequence[StoreAccount], title: str, license: str) -> str:
    """The card of the images."""
    covered = _covered(material)
    paying = [store for store in stores if any(run.folder.name in store.runs for run in covered)]
    runs = [view_run(run) for run in covered]
    num_images = sum(run.num_images for run in runs)
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
            "runs": [_run(run) for run in covered],
            "not_covered": list(texts.NOT_COVERED),
        },
    }
    return _render(
        "data_card.md.j2", front, title=title, runs=runs, stores=paying, num_images=num_images,
        num_prompts=len({prompt for run in covered for prompt in run.prompts}),
        joint=joint_promise([store.promise for store in paying]) if paying else None, not_covered=texts.NOT_COVERED,
    )  # fmt: skip


def model_card(material: Material, title: str, license: str) -> str:
    """The card of the generator, with the numbers of `test` that a guarantee covers."""
    covered = _covered(material)
    tests = [part.results for part in material.parts if part.results.kind == "test"]
    front = {
        "license": license,
        "language": ["en"],
        "pipeline_tag": "text-to-image",
        "library_name": "dprdm",
        "tags": ["diffusion", "retrieval", "differential-privacy", "dprdm"],
    }
    generators = dict.fromkeys(_generator(run) for run in covered)
    tables = [(results.title, tabulate(kept)) for results in tests if (kept := _publishable(results)).rows]
    return _render("model_card.md.j2", front, title=title, generators=list(generators), tables=_with_numbers(tables))


def escape_markdown(text: str) -> str:
    """Text as text: no tag, no link, no cell's end, no emphasis."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def fill_markdown(template: str, **values: Any) -> str:
    """The template with these values, which it escapes itself by the filters `md` and `code`; no empty lines in a row."""
    return re.sub(r"\n{3,}", "\n\n", _environment().get_template(template).render(**values))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dprdm.report"),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        md=escape_markdown, number=wording.number, share=wording.share, shortened=wording.shortened,
        code=lambda text: " ".join(text.replace("`", "'").split()),
    )  # fmt: skip
    return environment


def _render(template: str, front: dict[str, Any], **values: Any) -> str:
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return fill_markdown(template, front=head, **values)


def _covered(material: Material) -> list[RenderedRun]:
    return [run for run in material.runs if run.status != "NON-PRIVATE"]


def _store(store: StoreAccount) -> dict[str, Any]:
    promise = store.promise
    return {
        "store": store.fingerprint,
        "epsilon": promise.epsilon,
        "delta": promise.delta,
        "unit": store.unit,
        "relation": "add or remove one unit",
        "cap": store.cap.epsilon,
        "ledger": "broken" if store.fault else "verified" if store.has_ledger else "as certified",
    }


def _run(run: RenderedRun) -> dict[str, Any]:
    certificate = run.certificate
    return {
        "name": run.folder.name,
        "status": certificate.status,
        "epsilon": 0.0 if run.status == "public" else certificate.epsilon,
        "delta": certificate.delta,
        "unit": certificate.unit,
        "relation": certificate.relation,
        "mechanism": certificate.mechanism["name"],
        "queries": certificate.num_queries,
        "conditions_sha256": certificate.conditions_sha256,
    }


def _generator(run: RenderedRun) -> tuple[tuple[str, str], ...]:
    facts, config = dict(view_run(run).facts), run_config(run)
    model, data = (config.get(name) or {} for name in ("model", "data"))
    made = model.get("init_args") or {}
    network, public = made.get("network") or {}, (data.get("init_args") or {}).get("source") or {}
    encoder = ((data.get("init_args") or {}).get("encoder") or {}).get("init_args") or {}
    found = {
        "Class": str(model.get("class_path", "")),
        "Network": ", ".join(f"{name} {network[name]}" for name in NETWORK if name in network),
        "Weights, SHA-256": facts.get("Generator's weights, SHA-256", ""),
        "Public training images": str(public.get("class_path", "")),
        "Encoder of its conditions": str(encoder.get("model", "")),
        "Rendering": facts.get("Rendering", ""),
    }
    return tuple((name, wording.shortened(value)) for name, value in found.items() if value)


def _publishable(results: Results) -> Results:
    def kept(row: Row) -> Row:
        numbers = tuple(found for found in row.measurements if not found.provenance.reads_private)
        return Row(row.name, row.status, row.settings, numbers)

    rows = (kept(row) for row in results.rows if row.status != "NON-PRIVATE")
    return replace(results, rows=tuple(row for row in rows if row.measurements), pictures=(), notes=())


def _with_numbers(tables: Sequence[tuple[str, Table]]) -> list[tuple[str, Table]]:
    return [(title, table) for title, table in tables if table.headings]
