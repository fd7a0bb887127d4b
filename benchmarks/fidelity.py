"""How near a release comes to what it is a release of: every mechanism, every denoiser, every budget; no images.

    python benchmarks/fidelity.py                      the demo's embeddings, about ten minutes of one core
    python benchmarks/fidelity.py --set glosses        WordNet's glosses (benchmarks/glosses.py makes them, once)
    python benchmarks/fidelity.py --small              few queries and budgets: does it run? Its numbers say little

For each query the truth is the mean of the 50 nearest private rows. An answer is compared with it by the cosine, and by
the rank of those 50 rows when all private rows are ordered by their inner product with the answer (the median rank, 1 is
best). Budgets are at delta 1/N. README.md beside this file says how to read the tables.
"""

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from dprdm.audit.canaries import write_store
from dprdm.errors import UserError
from dprdm.files import write_text
from dprdm.guarantee import rehearsal
from dprdm.guarantee.mechanism import OneReleaseMechanism, PerQueryMechanism, Preparable, PrivacyMechanism, Terms
from dprdm.guarantee.plan import Plan, make_plan
from dprdm.metrics.retrieval import Truth
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import NO_CAPTION, PublicKnowledge, evenly
from dprdm.public.prior import PublicPrior, fit_prior, nearest_means
from dprdm.registry import create, load_all
from dprdm.retrieval.store import Manifest, PrivateStore, PublicStore
from dprdm.types import Answered, Embeddings, Queries

NEAREST = 50
EPSILONS = (1.0, 3.0, 10.0)
NUM_QUERIES = (100, 1000, 10_000)
UNLIMITED = 10**9
EACH_QUERY = ("gaussian", "centered")


@dataclass(frozen=True, eq=False)
class EmbeddedSet:
    """A private set, what is public, and the queries."""

    name: str
    private: Embeddings
    public: PublicKnowledge
    queries: Queries
    replicates: Int[np.ndarray, "query"]


@dataclass(frozen=True)
class BenchmarkCell:
    """One number of queries and one epsilon, for one mechanism and one denoiser: means over queries, with the standard
    error of the cosine. `setting` is what was released."""

    mechanism: str
    denoiser: str
    num_queries: int
    epsilon: float
    cosine: float
    standard_error: float
    rank: float
    noise_std: float
    setting: str


def compare(truth: Truth, vectors: Float[np.ndarray, "query dim"]) -> tuple[float, float, float]:
    """Return the mean cosine to the truth, its standard error, and the median rank of the right rows, averaged over queries."""
    cosines, ranks = truth.cosines(vectors), truth.median_ranks(vectors)
    return float(cosines.mean()), float(cosines.std() / len(cosines) ** 0.5), float(ranks.mean())


def demo(folder: Path, each: int) -> EmbeddedSet:
    """Embed the private shop, the generator's pool, and the ten class names, each of them a query `each` times."""
    from dprdm.demo.encoder import DemoEncoder
    from dprdm.demo.fashion import FashionDemo

    path = folder / "demo.npz"
    if not path.is_file():
        print("Embedding the demo's images (about a minute) ...", flush=True)
        encoder = DemoEncoder()
        shop, pool = FashionDemo("private"), FashionDemo("pool")
        rows = {name: encoder.images([source.image(i) for i in range(len(source))]) for name, source in
                (("shop", shop), ("pool", pool))}  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **rows, labels=pool.labels.astype(np.int64), texts=encoder.texts(list(shop.prompts())))
    with np.load(path) as arrays:
        public = PublicKnowledge(arrays["pool"], arrays["texts"], arrays["labels"], "demo pool", folder)
        queries = np.repeat(arrays["texts"], each, axis=0)
        return EmbeddedSet("demo", arrays["shop"], public, queries, np.tile(np.arange(each), len(arrays["texts"])))


def glosses(folder: Path, count: int) -> EmbeddedSet:
    """Read nouns' glosses, those of other words, and `count` words that are in neither."""
    from glosses import load

    embedded = load(folder)
    caption_of = np.full(len(embedded.public), NO_CAPTION, np.int64)
    caption_of[embedded.public_rows] = np.arange(len(embedded.public_rows))
    public = PublicKnowledge(embedded.public, embedded.public_queries, caption_of, "glosses", folder)
    queries = embedded.queries[evenly(len(embedded.queries), count)]
    return EmbeddedSet("glosses", embedded.private, public, queries, np.zeros(len(queries), np.int64))


def public_rows_only(embedded: EmbeddedSet) -> Iterator[tuple[str, Answered]]:
    """Yield what may be answered without a private row: the mean of the nearest public rows, and the query itself."""
    none = np.zeros(len(embedded.queries))
    yield "nearest public rows", Answered(nearest_means(embedded.queries, embedded.public.rows, NEAREST), none)
    yield "the query itself", Answered(embedded.queries.astype(np.float64), none)


def mechanisms(embedded: EmbeddedSet, stage: rehearsal.SearchStage, terms: Terms) -> Iterator[PrivacyMechanism]:
    """Yield every private mechanism, with the settings that public rehearsal chose for these terms."""
    plugins, records = load_all("mechanism"), len(embedded.private)
    if terms.num_queries < UNLIMITED:
        grid = rehearsal.settings_for(rehearsal.KS, rehearsal.SAMPLING_RATES, records)
        best, *_ = rehearsal.rehearse(
            stage, plugins["gaussian"](), terms.budget, terms.num_queries, grid, SecureNoise()
        )
        for name in EACH_QUERY:
            mechanism = plugins[name](k=best.k, sampling_rate=best.sampling_rate)
            yield mechanism.prepare(embedded.public, terms) if isinstance(mechanism, Preparable) else mechanism
    yield plugins["codebook"](share=NEAREST / records, draws=0).prepare(embedded.public, terms)


def release_unpaid(plan: Plan, embedded: EmbeddedSet, store: PrivateStore) -> Answered:
    """Release from a store of this benchmark, unpaid, and answer from it."""
    mechanism = plan.mechanism
    if isinstance(mechanism, OneReleaseMechanism):
        return mechanism.release(store, plan.noise_std, SecureNoise()).answer(embedded.queries, embedded.replicates)
    assert isinstance(mechanism, PerQueryMechanism)
    vectors = mechanism.release(embedded.queries, store, plan.retriever, plan.noise_std, SecureNoise())
    return Answered(vectors, np.full(len(vectors), plan.noise_std))


def cells(
    embedded: EmbeddedSet,
    terms: Terms,
    store: PrivateStore,
    stage: rehearsal.SearchStage,
    truth: Truth,
    prior: PublicPrior,
) -> Iterator[BenchmarkCell]:
    """Release with every mechanism, apply every denoiser, and compare."""
    exact = create("retriever", "exact")
    for mechanism in mechanisms(embedded, stage, terms):
        plan = make_plan(mechanism, exact, terms.budget, terms.num_queries)
        answered = release_unpaid(plan, embedded, store)
        for name, denoiser in sorted(load_all("denoiser").items()):
            vectors = denoiser().denoise(embedded.queries, answered, prior).vectors
            numbers = compare(truth, vectors)
            yield BenchmarkCell(
                mechanism.name,
                name,
                terms.num_queries,
                terms.budget.epsilon,
                *numbers,
                plan.noise_std,
                _setting(mechanism),
            )


def _setting(mechanism: PrivacyMechanism) -> str:
    fields = dataclasses.asdict(mechanism)  # type: ignore[call-overload]
    shown = ("k", "sampling_rate", "radius", "clip_norm", "levels", "count_weight", "fine_share")
    return ", ".join(f"{name} {fields[name]:.3g}" for name in shown if name in fields)


def table(measured: list[BenchmarkCell], baselines: list[tuple[str, tuple[float, float, float]]], value: str) -> str:
    """Return a table: a row a mechanism and denoiser, a column a number of queries and an epsilon."""
    columns = sorted({(cell.num_queries, cell.epsilon) for cell in measured})
    rows = list(dict.fromkeys((cell.mechanism, cell.denoiser) for cell in measured))
    by_position = {(cell.mechanism, cell.denoiser, cell.num_queries, cell.epsilon): cell for cell in measured}
    digits = {"cosine": 3, "rank": 0}[value]
    lines = [
        "| mechanism | denoiser | "
        + " | ".join(f"{_count(count)}, eps {epsilon:g}" for count, epsilon in columns)
        + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for name, numbers in baselines:
        number = f"{dict(zip(('cosine', 'rank'), (numbers[0], numbers[2]), strict=True))[value]:.{digits}f}"
        lines.append(f"| none, eps 0 | {name} | " + " | ".join([number] * len(columns)) + " |")
    for mechanism, denoiser in rows:
        cells = [by_position.get((mechanism, denoiser, *column)) for column in columns]
        shown = [f"{getattr(cell, value):.{digits}f}" if cell else "" for cell in cells]
        lines.append(f"| {mechanism} | {denoiser} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def curves(measured: list[BenchmarkCell], public: float, path: Path) -> None:
    """Draw the cosine against epsilon, a panel a number of queries, a line a mechanism; dashed with the joint denoiser."""
    from matplotlib.figure import Figure

    counts = sorted({cell.num_queries for cell in measured})
    figure = Figure((3.4 * len(counts), 3.4), layout="constrained")
    for axes, count in zip(figure.subplots(1, len(counts), sharey=True, squeeze=False)[0], counts, strict=True):
        for number, mechanism in enumerate(("gaussian", "centered", "codebook")):
            for denoiser, line in (("none", "-"), ("joint", "--")):
                shown = (mechanism, denoiser, count)
                cells_shown = [cell for cell in measured if (cell.mechanism, cell.denoiser, cell.num_queries) == shown]
                points = sorted((cell.epsilon, cell.cosine) for cell in cells_shown)
                label = mechanism if denoiser == "none" else f"{mechanism}, joint"
                axes.plot(
                    *zip(*points, strict=True), line, color=f"C{number}", marker="o", label=label
                ) if points else None
        axes.axhline(public, color="grey", linewidth=1, label="nearest public rows")
        axes.set(
            title=f"{_count(count)}{' of' * (count == UNLIMITED)} queries", xlabel="epsilon", xscale="log", ylim=(0, 1)
        )
        epsilons = sorted({cell.epsilon for cell in measured})
        axes.set_xticks(epsilons, [f"{epsilon:g}" for epsilon in epsilons], minor=False)
        axes.minorticks_off()
    figure.axes[0].set_ylabel("cosine to the private neighbour mean")
    figure.axes[0].legend(fontsize=7, loc="lower right")
    figure.savefig(path, dpi=110)


def _count(num_queries: int) -> str:
    return "any number" if num_queries == UNLIMITED else f"{num_queries:,}"


def run(embedded: EmbeddedSet, num_queries: tuple[int, ...], epsilons: tuple[float, ...], out: Path) -> None:
    """Measure every cell; print and write the tables."""
    truth, prior, measured = (
        Truth.of(embedded.queries, embedded.private, NEAREST),
        fit_prior(embedded.public),
        list[BenchmarkCell](),
    )
    baselines = [(name, compare(truth, answered.vectors)) for name, answered in public_rows_only(embedded)]
    with tempfile.TemporaryDirectory() as folder:
        store, stage = write_store(Path(folder) / "private", embedded.private), _stage(embedded, Path(folder))
        for count in (*num_queries, UNLIMITED):
            for epsilon in epsilons:
                terms = Terms(Budget(epsilon, 1 / len(embedded.private)), count, len(embedded.private))
                for cell in cells(embedded, terms, store, stage, truth, prior):
                    measured.append(cell)
                    print(f"{cell.mechanism:9} {cell.denoiser:13} {_count(count):>10} eps {epsilon:<4g} cosine "
                          f"{cell.cosine:.3f} +- {cell.standard_error:.3f}  rank {cell.rank:7.0f}  "
                          f"noise_std {cell.noise_std:.3g}  {cell.setting}", flush=True)  # fmt: skip
    text = "\n\n".join(f"{value}\n\n{table(measured, baselines, value)}" for value in ("cosine", "rank")) + "\n"
    print(text)
    write_text(out / f"{embedded.name}.md", text)
    curves(measured, baselines[0][1][0], out / f"{embedded.name}.png")
    content = {"baselines": baselines, "cells": [asdict(cell) for cell in measured]}
    write_text(out / f"{embedded.name}.json", json.dumps(content, indent=2))


def _stage(embedded: EmbeddedSet, folder: Path) -> rehearsal.SearchStage:
    """Write public rows for the rehearsal of k and sampling_rate, as a public store."""
    store = write_store(folder / "public", embedded.public.rows)
    manifest = dataclasses.replace(Manifest.read(store.path / "manifest.json"), kind="public")
    write_text(store.path / "manifest.json", manifest.to_json())
    return rehearsal.SearchStage.of(PublicStore(store.path), NEAREST)


def main() -> None:
    """Measure one set of embeddings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("demo", "glosses"), default="demo", dest="name")
    parser.add_argument("--folder", type=Path, help="of the embeddings; runs/fidelity or runs/glosses if left out")
    parser.add_argument("--out", type=Path, default=Path("runs/fidelity"))
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    try:
        if arguments.name == "demo":
            embedded = demo(arguments.folder or Path("runs/fidelity"), 2 if arguments.small else 20)
        else:
            embedded = glosses(arguments.folder or Path("runs/glosses"), 20 if arguments.small else 400)
    except UserError as error:
        parser.exit(2, f"{error}\n")
    small = ((1000,), (10.0,)) if arguments.small else (NUM_QUERIES, EPSILONS)
    run(embedded, *small, arguments.out)


if __name__ == "__main__":
    main()
