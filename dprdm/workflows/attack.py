"""Find out from releases, and from images drawn of them, who was in the private set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from dprdm import check
from dprdm.audit import membership
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.source import ImageSource
from dprdm.data.stand_in import StandIn, open_stand_in
from dprdm.errors import UserError
from dprdm.generation.generator import Generator
from dprdm.guarantee.mechanism import PrivacyMechanism
from dprdm.privacy.budget import Budget
from dprdm.public.knowledge import PublicKnowledge
from dprdm.registry import create
from dprdm.runs.quantities import COSINE_TO_THE_IMAGE, DISTANCE_BETWEEN_ANSWERS
from dprdm.runs.results import Picture, Results, Row
from dprdm.workflows.draw import InMemoryRenderer, open_renderer
from dprdm.workflows.leave_one_out import leave_one_out
from dprdm.workflows.membership import AttackedMechanism, MembershipStudy, attacked_mechanism

Part: TypeAlias = Literal["released", "images", "minus_one"]
PARTS: tuple[Part, ...] = ("released", "images", "minus_one")
QUANTITIES = (*membership.QUANTITIES, COSINE_TO_THE_IMAGE, DISTANCE_BETWEEN_ANSWERS)
READS_PRIVATE = "These numbers read private records without noise. No certificate covers them: keep them to yourself."


@dataclass(frozen=True)
class AttackSettings:
    """What is attacked, and by how much.

    Args:
        mechanisms: private ones are attacked at every epsilon; others as they are, and with one neighbour.
        epsilons: each of the budget that pays for all answers about one candidate.
        delta: of every budget.
        queries: answers about each candidate, paid for together.
        trials: stores attacked by released vectors, each a random half of the stand-in.
        candidates: records attacked by them, evenly spaced.
        image_trials: the same for images.
        image_candidates: the same for images.
        striking: class that the demonstration takes out of the set but for one image.
        columns: images of each row of the demonstration; each row has a budget of its own.
        seed: of the stores and the bootstrap, never of a private draw.
    """

    mechanisms: Sequence[PrivacyMechanism]
    epsilons: Sequence[float] = (10, 1)
    delta: float = 1e-5
    queries: int = 4
    trials: int = 64
    candidates: int = 100
    image_trials: int = 8
    image_candidates: int = 24
    striking: str = "trouser"
    columns: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        check.at_least(1, queries=self.queries)
        check.at_least(1, columns=self.columns)
        check.open_unit(delta=self.delta)
        if not self.mechanisms or not self.epsilons:
            raise UserError("Expected at least one of --mechanisms and one of --eps.")
        for epsilon in self.epsilons:
            check.positive(eps=epsilon)


def attack(
    data: NeighbourDataModule,
    source: ImageSource,
    settings: AttackSettings,
    model: Generator | None = None,
    weights: Path | None = None,
    parts: Sequence[Part] = PARTS,
    store: Path = Path("stores/stand-in"),
    is_private: bool = False,
    out: Path = Path("runs/attack"),
    command: str = "",
) -> Results:
    """Attack mechanisms by their releases and by images; write results.json and pictures. Interrupted, it goes on.

    The attacker knows the candidate's record, the mechanism and everything public, and builds shadow stores.

    Args:
        data: the public images, their encoder, and the folder of their store.
        source: captioned images that stand in for the private ones. They are looked at without noise.
        settings: what is attacked.
        model: the generator, for the parts that draw images.
        weights: its weights; None: those that it has.
        parts: membership from released vectors, from images, or the set minus one striking image.
        store: folder of the stand-in's embeddings; made on first use.
        is_private: the source is private; everything is marked with it.
        out: folder of the results.
        command: the command line that repeats this.
    Raises:
        UserError: if a part needs a generator and there is none, if the store is private and `is_private` is False, or if
            the stand-in is too small.
    """
    renderer = open_renderer(model, weights, data.encoder) if {*parts} & {"images", "minus_one"} else None
    stand_in, public = open_stand_in(source, data.encoder, store, is_private), data.knowledge()
    attacked = list(_attacked(settings, public, len(stand_in.rows) // 2))
    rows: list[Row] = []
    pictures: list[Picture] = []
    for part in parts:
        if part == "minus_one":
            assert renderer is not None
            demonstration = leave_one_out(stand_in, settings.striking, renderer, out)
            some, drawn = demonstration.run(source, list(_demonstrated(settings, public, len(demonstration.gone.rows))))
        else:
            some, drawn = _study(part, stand_in, settings, renderer, out).run(attacked)
        rows += some
        pictures += drawn
    notes = tuple(_notes(stand_in, settings.queries, parts))
    results = Results("attack", "Who was in the set", command, tuple(rows), tuple(pictures), notes, QUANTITIES)
    results.save(out)
    return results


def _study(
    part: Literal["released", "images"],
    stand_in: StandIn,
    settings: AttackSettings,
    renderer: InMemoryRenderer | None,
    out: Path,
) -> MembershipStudy:
    if part == "released":
        sizes, renderer = (settings.trials, settings.candidates), None
    else:
        sizes = settings.image_trials, settings.image_candidates
    return MembershipStudy(part, stand_in, settings.queries, *sizes, renderer, settings.seed, out)


def _attacked(settings: AttackSettings, public: PublicKnowledge, records: int) -> Iterator[AttackedMechanism]:
    """Plan private mechanisms for every budget, others with one neighbour, as the paper demonstrates, and as they are."""
    for mechanism in settings.mechanisms:
        if mechanism.is_private:
            for epsilon in settings.epsilons:
                budget = Budget(epsilon, settings.delta)
                yield attacked_mechanism(mechanism, budget, settings.queries, public, records)
        else:
            for clean in dict.fromkeys((mechanism.tuned(k=1, sampling_rate=1.0), mechanism)):
                yield attacked_mechanism(clean, Budget(1.0, settings.delta), settings.queries, public, records)


def _demonstrated(settings: AttackSettings, public: PublicKnowledge, records: int) -> Iterator[AttackedMechanism]:
    """Plan the nearest neighbour as it is, and every private mechanism at the largest epsilon, which pays for one row."""
    budget = Budget(max(settings.epsilons), settings.delta)
    nearest: PrivacyMechanism = create("mechanism", "nonprivate", k=1, sampling_rate=1.0)
    for mechanism in (nearest, *(mechanism for mechanism in settings.mechanisms if mechanism.is_private)):
        yield attacked_mechanism(mechanism, budget, settings.columns, public, records)


def _notes(stand_in: StandIn, num_queries: int, parts: Sequence[Part]) -> Iterator[str]:
    if {*parts} & {"released", "images"}:
        yield (
            "The attacker knows the candidate's record, the mechanism with its settings, everything public, and how records are "
            f"distributed. Each store holds a random half of {len(stand_in.rows):,} records; members and others are the same "
            f"records in different stores. Own query: asks the candidate's own embedding {num_queries} times; class prompt: "
            f"its class's name, as often, as a usual user does. Epsilon pays for these {num_queries} answers together."
        )
        yield (
            "Nearest answer: the cosine of the answer nearest to the candidate. Likelihood ratio: LiRA (Carlini et al. 2022) over "
            "how far answers move towards the candidate, fitted on all other stores. Rates are with Clopper and Pearson's 95% "
            "intervals, which count scores as independent; areas with a bootstrap over candidates. An attack that fails proves "
            "nothing: what is allowed is what the guarantee says of every attack."
        )
    if stand_in.is_private:
        yield READS_PRIVATE
    else:
        yield "The records are public ones that stand in for private ones; no budget was spent."
