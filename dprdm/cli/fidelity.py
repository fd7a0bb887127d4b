"""`fidelity`: what the noise does to retrieval, before and after a denoiser, against epsilon. Draws no image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dprdm import check
from dprdm.cli.function import repeated_by
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.source import ImageSource
from dprdm.data.stand_in import StandIn, open_stand_in
from dprdm.errors import UserError
from dprdm.figures.fidelity import draw_fidelity
from dprdm.metrics.fidelity import METRICS, Fidelity
from dprdm.metrics.retrieval import Truth
from dprdm.privacy.budget import Budget
from dprdm.public.denoiser import Denoiser
from dprdm.public.knowledge import PublicKnowledge
from dprdm.public.prior import PublicPrior, nearest_means
from dprdm.registry import plugin_named
from dprdm.release.mechanism import OneReleaseMechanism, Preparable, Terms
from dprdm.release.plan import Plan, make_plan
from dprdm.runs.cached_arrays import Arrays, kept
from dprdm.runs.results import Results, Row, Setting

READS_PRIVATE = "These numbers read private records without noise. No certificate covers them: keep them to yourself."


@dataclass(frozen=True)
class Cell:
    """One release: a mechanism, and what is to pay for how many queries."""

    mechanism: str
    epsilon: float
    num_queries: int | None

    @property
    def name(self) -> str:
        """As it stands in the table."""
        queries = "any number of" if self.num_queries is None else f"{self.num_queries:,}"
        return f"{self.mechanism}, epsilon {self.epsilon:g}, {queries} queries"


def fidelity(
    data: NeighbourDataModule,
    source: ImageSource,
    out: Path = Path("runs/fidelity"),
    store: Path = Path("stores/stand-in"),
    is_private: bool = False,
    mechanisms: list[str] = ["gaussian", "centered", "codebook"],  # noqa: B006 - read only; jsonargparse shows it
    denoisers: list[str] = ["none", "public_prior", "joint"],  # noqa: B006
    eps: list[float] = [1, 3, 10, 30, 100],  # noqa: B006
    queries: list[int] = [1000, 10_000],  # noqa: B006
    delta: float = 1e-5,
    k: int = 20,
    sampling_rate: float = 0.1,
    neighbours: int = 50,
    repeats: int = 20,
) -> None:
    """Measure what the noise does to retrieval: cosine, neighbours found, right class; a table and curves.

    Interrupted, the same command goes on from what was measured.

    Args:
        data: the public images, their encoder, and the folder of their store: what mechanisms and denoisers learn from.
        source: captioned images that stand in for the private ones. They are looked at without noise: take public ones.
        out: folder of results.json and the pictures.
        store: folder of the stand-in's embeddings; made on first use.
        is_private: the source is private; a private store is refused without it, and everything is marked with it.
        mechanisms: by short name.
        denoisers: by short name; `none` shows the releases as they are.
        eps: epsilons, each of the whole budget.
        queries: how many queries the budget pays for, each a column; of no matter to a mechanism that releases once.
        delta: of every budget.
        k: neighbours averaged, by mechanisms that search.
        sampling_rate: chance of each record to be searched, by mechanisms that search.
        neighbours: nearest rows of a prompt; their clean mean is the truth, and as many are looked for from a release.
        repeats: answers to each prompt.
    """
    _check(eps, queries, delta, k, repeats)
    ways: list[Denoiser] = [plugin_named("denoiser", name) for name in denoisers]
    stand_in, public, prior = open_stand_in(source, data.encoder, store, is_private), data.knowledge(), data.prior()
    check.in_range(1, len(stand_in.rows), neighbours=neighbours)
    check.in_range(1, len(stand_in.rows), k=k)
    measuring = Measuring(
        Fidelity(stand_in, neighbours, repeats, plugin_named("retriever", "exact")),
        ways,
        public,
        prior,
        {"k": k, "sampling_rate": sampling_rate, "share": neighbours / len(stand_in.rows), "draws": 0},
        delta,
        out / "kept",
    )
    rows = list(measuring.rows(list(_cells(mechanisms, eps, queries))))
    pictures = draw_fidelity(rows, queries[0], out)
    results = Results(
        "fidelity", "Retrieval under noise", repeated_by("fidelity"), tuple(rows), pictures, _notes(measuring)
    )
    print(_text(results), f"Written: {results.save(out)}", *(f"  {out / one.file}" for one in pictures), sep="\n")


def _check(eps: Sequence[float], queries: Sequence[int], delta: float, k: int, repeats: int) -> None:
    if not eps or not queries:
        raise UserError("Expected at least one of --eps and one of --queries.")
    for epsilon in eps:
        check.positive(eps=epsilon)
    for count in queries:
        check.at_least(1, queries=count)
    check.open_unit(delta=delta)
    check.at_least(1, k=k)
    check.at_least(1, repeats=repeats)


def _cells(mechanisms: Sequence[str], eps: Sequence[float], queries: Sequence[int]) -> Iterator[Cell]:
    for name in mechanisms:
        mechanism = plugin_named("mechanism", name)
        if not mechanism.is_private:
            raise UserError(
                f"Expected private mechanisms: {name} adds no noise, and is a line of every picture anyway."
            )
        for count in [None] if isinstance(mechanism, OneReleaseMechanism) else queries:
            yield from (Cell(name, epsilon, count) for epsilon in sorted(eps))


@dataclass(frozen=True, eq=False)
class Measuring:
    """All that cells have in common. `fields` are those of mechanisms, by name; `folder` keeps what was measured."""

    fidelity: Fidelity
    denoisers: Sequence[Denoiser]
    public: PublicKnowledge
    prior: PublicPrior
    fields: dict[str, float]
    delta: float
    folder: Path

    def rows(self, cells: Sequence[Cell]) -> Iterator[Row]:
        """The two horizons, then a row for every cell and denoiser."""
        truth = self.fidelity.truth()
        yield from self._horizons(truth)
        for cell in tqdm(cells, desc="Measuring", unit="release"):
            yield from self._cell_rows(cell, truth)

    def _horizons(self, truth: Truth) -> Iterator[Row]:
        asked, count = self.fidelity.asking.queries, truth.nearest.shape[1]
        near = nearest_means(asked, self.public.rows, min(count, len(self.public.rows)))
        numbers = self.fidelity.measurements(self.fidelity.measure(near, truth))
        yield Row("public neighbours", "public", {"retriever": "public", "epsilon": 0.0}, numbers)
        nonprivate = plugin_named("mechanism", "nonprivate", **self.fields)
        plan = make_plan(nonprivate, self.fidelity.retriever, Budget(1.0, self.delta), len(asked))
        clean = self.fidelity.measure(self.fidelity.released(plan).vectors, truth)
        settings: dict[str, Setting] = {
            "mechanism": "nonprivate",
            "k": self.fields["k"],
            "sampling_rate": self.fields["sampling_rate"],
        }
        yield Row("nonprivate", "NON-PRIVATE", settings, self.fidelity.measurements(clean))

    def _cell_rows(self, cell: Cell, truth: Truth) -> Iterator[Row]:
        path = self.folder / f"{cell.mechanism}-{cell.epsilon:g}-{cell.num_queries or 'any'}.npz"
        numbers = kept(path, self._asked(cell), lambda: self._measure(cell, truth))
        settings: dict[str, Setting] = {
            "mechanism": cell.mechanism,
            "epsilon": cell.epsilon,
            "delta": self.delta,
            "queries": cell.num_queries,
            "noise_std": float(numbers["noise_std"]),
        }
        for denoiser in self.denoisers:
            mine = {metric: numbers[f"{denoiser.name}.{metric}"] for metric in METRICS}
            name = cell.name if denoiser.name == "none" else f"{cell.name}, {denoiser.name}"
            measured = self.fidelity.measurements(mine)
            yield Row(name, "private", {**settings, "denoiser": denoiser.name}, measured)

    def _asked(self, cell: Cell) -> dict[str, object]:
        stand_in = self.fidelity.stand_in
        return {
            "cell": str(cell),
            "fields": self.fields,
            "delta": self.delta,
            "asking": [self.fidelity.neighbours, self.fidelity.repeats, stand_in.fingerprint, stand_in.classes],
            "public": self.public.fingerprint,
            "denoisers": [str(one) for one in self.denoisers],
        }

    def _measure(self, cell: Cell, truth: Truth) -> Arrays:
        plan = self._plan(cell)
        answered = self.fidelity.released(plan)
        found = self.fidelity.denoised(answered, self.denoisers, self.prior, truth)
        numbers = {f"{name}.{metric}": values for name, by_metric in found for metric, values in by_metric.items()}
        return {**numbers, "noise_std": np.array(plan.noise_std)}

    def _plan(self, cell: Cell) -> Plan:
        budget, count = Budget(cell.epsilon, self.delta), max(cell.num_queries or 1, 1)
        mechanism = plugin_named("mechanism", cell.mechanism, **self.fields)
        if isinstance(mechanism, Preparable):
            mechanism = mechanism.prepare(self.public, Terms(budget, count, len(self.fidelity.stand_in.rows)))
        return make_plan(mechanism, self.fidelity.retriever, budget, count)


def _notes(measuring: Measuring) -> tuple[str, ...]:
    fidelity = measuring.fidelity
    stand_in: StandIn = fidelity.stand_in
    return (
        f"The truth is the mean of the {fidelity.neighbours} rows nearest to a prompt, of all {len(stand_in.rows):,}. Recall: of "
        f"the {fidelity.neighbours} rows found from that mean, the share found from the released vector. Right class: where the "
        "prompt's class stands when the classes' means are ordered by inner product with the vector, and how often first.",
        f"{fidelity.repeats} answers to each of {len(stand_in.classes)} prompts; intervals are over prompts (Student's t).",
        READS_PRIVATE
        if stand_in.is_private
        else "The rows are public ones that stand in for private ones; no budget was spent.",
    )


def _text(results: Results) -> str:
    width = max(len(row.name) for row in results.rows)
    lines = [f"{'':{width}}  " + "  ".join(f"{name:>11}" for name in METRICS)]
    for row in results.rows:
        lines.append(f"{row.name:{width}}  " + "  ".join(f"{one.value:11.3f}" for one in row.measurements))
    return "\n".join([*lines, "", *results.notes])
