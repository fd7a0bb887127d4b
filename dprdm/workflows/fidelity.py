"""What noise does to retrieval, before and after denoisers, against epsilon. Draws no image."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dprdm import check
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.source import ImageSource
from dprdm.data.stand_in import StandIn, open_stand_in
from dprdm.errors import UserError
from dprdm.figures.fidelity import draw_fidelity
from dprdm.guarantee.description import describe
from dprdm.guarantee.mechanism import READING, OneReleaseMechanism, Preparable, PrivacyMechanism, Terms
from dprdm.guarantee.plan import Plan, make_plan
from dprdm.metrics.fidelity import METRICS, QUANTITIES, Fidelity
from dprdm.metrics.retrieval import Truth
from dprdm.privacy.budget import Budget
from dprdm.public.denoiser import Denoiser
from dprdm.public.knowledge import PublicKnowledge
from dprdm.public.prior import PublicPrior, nearest_means
from dprdm.registry import create
from dprdm.retrieval.retriever import Retriever
from dprdm.runs.cached_arrays import Arrays, cached_arrays
from dprdm.runs.results import Results, Row, Setting
from dprdm.workflows.attack import READS_PRIVATE
from dprdm.workflows.membership import require_enough

# Fields of a mechanism that say how its one release is read: here so that it averages as many rows as the truth does.
SHARE, DRAWS = "share", "draws"


@dataclass(frozen=True)
class FidelitySettings:
    """Which releases are measured.

    Args:
        mechanisms: private ones.
        denoisers: applied to every release; `none` shows it as it is.
        baseline: not private; shows what is lost without any noise.
        epsilons: each of the whole budget.
        num_queries: how many queries the budget pays for; of no matter to a mechanism that releases once.
        delta: of every budget.
        neighbours: nearest rows of a prompt; their clean mean is the truth, and as many are looked for from a release.
        repeats: answers to each prompt.
    """

    mechanisms: Sequence[PrivacyMechanism]
    denoisers: Sequence[Denoiser]
    baseline: PrivacyMechanism
    epsilons: Sequence[float] = (1, 3, 10, 30, 100)
    num_queries: Sequence[int] = (1000, 10_000)
    delta: float = 1e-5
    neighbours: int = 50
    repeats: int = 20

    def __post_init__(self) -> None:
        if not self.epsilons or not self.num_queries:
            raise UserError("Expected at least one of --eps and one of --queries.")
        for epsilon in self.epsilons:
            check.positive(eps=epsilon)
        for count in self.num_queries:
            check.at_least(1, queries=count)
        check.open_unit(delta=self.delta)
        check.at_least(1, repeats=self.repeats)
        for mechanism in self.mechanisms:
            if not mechanism.is_private:
                raise UserError(
                    f"Expected private mechanisms: {mechanism.name} adds no noise, and is a line of every picture anyway."
                )


@dataclass(frozen=True)
class StudiedRelease:
    """A mechanism, and what is to pay for how many queries; None: for any number of them."""

    mechanism: PrivacyMechanism
    budget: Budget
    num_queries: int | None

    @property
    def name(self) -> str:
        """Name of its row in the table."""
        queries = "any number of" if self.num_queries is None else f"{self.num_queries:,}"
        return f"{self.mechanism.name}, epsilon {self.budget.epsilon:g}, {queries} queries"

    def plan(self, retriever: Retriever, public: PublicKnowledge, records: int) -> Plan:
        """Solve for the noise; what the mechanism leaves open is decided on public rows."""
        count = self.num_queries or 1
        mechanism = self.mechanism
        if isinstance(mechanism, Preparable):
            mechanism = mechanism.prepare(public, Terms(self.budget, count, records))
        return make_plan(mechanism, retriever, self.budget, count)


def fidelity(
    data: NeighbourDataModule,
    source: ImageSource,
    settings: FidelitySettings,
    store: Path = Path("stores/stand-in"),
    is_private: bool = False,
    out: Path = Path("runs/fidelity"),
    command: str = "",
) -> Results:
    """Measure releases against the clean neighbour mean; write results.json and curves. Interrupted, it goes on.

    Args:
        data: the public images, their encoder, and the folder of their store: what mechanisms and denoisers learn from.
        source: captioned images that stand in for the private ones. They are looked at without noise.
        settings: which releases.
        store: folder of the stand-in's embeddings; made on first use.
        is_private: the source is private; everything is marked with it.
        out: folder of the results.
        command: the command line that repeats this.
    Raises:
        UserError: if the store is private and `is_private` is False, or the stand-in is too small.
    """
    stand_in = open_stand_in(source, data.encoder, store, is_private)
    records = len(stand_in.rows)
    check.in_range(1, records, neighbours=settings.neighbours)
    for mechanism in (settings.baseline, *settings.mechanisms):
        require_enough(mechanism, records)
    measure = Fidelity(stand_in, settings.neighbours, settings.repeats, create("retriever", "exact"))
    study = FidelityStudy(measure, settings, data.knowledge(), data.prior(), out / "kept")
    rows = tuple(study.rows())
    pictures = draw_fidelity(rows, settings.num_queries[0], out)
    results = Results(
        "fidelity", "Retrieval under noise", command, rows, pictures, _notes(stand_in, settings), QUANTITIES
    )
    results.save(out)
    return results


@dataclass(frozen=True, eq=False)
class FidelityStudy:
    """Releases from one stand-in, measured against one truth.

    Args:
        measure: measures answers.
        settings: which releases.
        public: what mechanisms learn from.
        prior: what denoisers know.
        folder: of what was measured.
    """

    measure: Fidelity
    settings: FidelitySettings
    public: PublicKnowledge
    prior: PublicPrior
    folder: Path

    def rows(self) -> Iterator[Row]:
        """Measure the two horizons, then every release, before and after every denoiser."""
        truth = self.measure.truth()
        yield from self._horizons(truth)
        for release in tqdm(list(self.releases()), desc="Measuring", unit="release"):
            yield from self._rows_of(release, truth)

    def releases(self) -> Iterator[StudiedRelease]:
        """List the releases, by mechanism, number of queries and epsilon."""
        for mechanism in self.settings.mechanisms:
            for count in [None] if isinstance(mechanism, OneReleaseMechanism) else self.settings.num_queries:
                for epsilon in sorted(self.settings.epsilons):
                    yield StudiedRelease(self._averaging_alike(mechanism), Budget(epsilon, self.settings.delta), count)

    def _averaging_alike(self, mechanism: PrivacyMechanism) -> PrivacyMechanism:
        """Have a release that is read by a share of the rows average as many of them as the truth, the same for each repeat."""
        share = self.settings.neighbours / len(self.measure.stand_in.rows)
        reading = {SHARE: share, DRAWS: 0}
        names = {field.name for field in fields(mechanism) if READING.items() <= field.metadata.items()}
        return replace(mechanism, **{name: value for name, value in reading.items() if name in names})

    def _horizons(self, truth: Truth) -> Iterator[Row]:
        queries, count = self.measure.class_queries.queries, truth.nearest.shape[1]
        near = nearest_means(queries, self.public.rows, min(count, len(self.public.rows)))
        numbers = self.measure.measurements(self.measure.measure(near, truth))
        yield Row("public neighbours", "public", {"retriever": "public", "epsilon": 0.0}, numbers)
        baseline = self.settings.baseline
        plan = make_plan(baseline, self.measure.retriever, Budget(1.0, self.settings.delta), len(queries))
        clean = self.measure.measure(self.measure.released(plan).vectors, truth)
        settings: dict[str, Setting] = {"mechanism": baseline.name, **asdict(plan.tuning)}
        yield Row(baseline.name, "NON-PRIVATE", settings, self.measure.measurements(clean))

    def _rows_of(self, release: StudiedRelease, truth: Truth) -> Iterator[Row]:
        path = self.folder / f"{release.mechanism.name}-{release.budget.epsilon:g}-{release.num_queries or 'any'}.npz"
        numbers = cached_arrays(path, self._depends_on(release), lambda: self._measure(release, truth))
        settings: dict[str, Setting] = {
            "mechanism": release.mechanism.name,
            "epsilon": release.budget.epsilon,
            "delta": release.budget.delta,
            "queries": release.num_queries,
            "noise_std": float(numbers["noise_std"]),
        }
        for denoiser in self.settings.denoisers:
            name = release.name if denoiser.name == "none" else f"{release.name}, {denoiser.name}"
            values = {metric: numbers[f"{denoiser.name}.{metric}"] for metric in METRICS}
            yield Row(name, "private", {**settings, "denoiser": denoiser.name}, self.measure.measurements(values))

    def _depends_on(self, release: StudiedRelease) -> dict[str, object]:
        stand_in = self.measure.stand_in
        return {
            "mechanism": describe(release.mechanism),
            "budget": asdict(release.budget),
            "num_queries": release.num_queries,
            "stand_in": [self.measure.neighbours, self.measure.repeats, stand_in.fingerprint, stand_in.classes],
            "public": self.public.fingerprint,
            "denoisers": [str(denoiser) for denoiser in self.settings.denoisers],
        }

    def _measure(self, release: StudiedRelease, truth: Truth) -> Arrays:
        plan = release.plan(self.measure.retriever, self.public, len(self.measure.stand_in.rows))
        answered = self.measure.released(plan)
        denoised = self.measure.denoised(answered, self.settings.denoisers, self.prior, truth)
        numbers = {f"{name}.{metric}": values for name, by_metric in denoised for metric, values in by_metric.items()}
        return {**numbers, "noise_std": np.array(plan.noise_std)}


def _notes(stand_in: StandIn, settings: FidelitySettings) -> tuple[str, ...]:
    return (
        f"The truth is the mean of the {settings.neighbours} rows nearest to a prompt, of all {len(stand_in.rows):,}. Recall: of "
        f"the {settings.neighbours} rows found from that mean, the share found from the released vector. Right class: where the "
        "prompt's class stands when the classes' means are ordered by inner product with the vector, and how often first.",
        f"{settings.repeats} answers to each of {len(stand_in.classes)} prompts; intervals are over prompts (Student's t).",
        READS_PRIVATE
        if stand_in.is_private
        else "The rows are public ones that stand in for private ones; no budget was spent.",
    )
