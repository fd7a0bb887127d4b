"""`attack`: who was in the private set? Membership inference, and the demonstration with one striking image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from dprdm import check
from dprdm.cli.fidelity import READS_PRIVATE
from dprdm.cli.function import repeated_by
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.source import ImageSource
from dprdm.data.stand_in import StandIn, open_stand_in
from dprdm.errors import UserError
from dprdm.generation.generator import Generator
from dprdm.resources import find_packaged
from dprdm.runs.results import Measurement, Results
from dprdm.workflows.draw import Drawing
from dprdm.workflows.leave_one_out import minus_one
from dprdm.workflows.membership import AttackSettings, arms, membership_rows

Part = Literal["released", "images", "minus_one"]
PARTS: tuple[Part, ...] = ("released", "images", "minus_one")


def attack(
    data: NeighbourDataModule,
    source: ImageSource,
    model: Generator | None = None,
    weights: Path | None = None,
    out: Path = Path("runs/attack"),
    store: Path = Path("stores/stand-in"),
    is_private: bool = False,
    only: Part | None = None,
    mechanisms: list[str] = ["nonprivate", "gaussian", "codebook"],  # noqa: B006 - read only; jsonargparse shows it
    eps: list[float] = [10, 1],  # noqa: B006
    delta: float = 1e-5,
    k: int = 20,
    sampling_rate: float = 1.0,
    queries: int = 4,
    trials: int = 64,
    candidates: int = 100,
    image_trials: int = 8,
    image_candidates: int = 24,
    striking: str = "trouser",
    columns: int = 8,
    seed: int = 0,
) -> None:
    """Find out from releases, and from images drawn of them, who was in the private set.

    The attacker knows the candidate's record, the mechanism and everything public, and builds shadow stores. Interrupted,
    the same command goes on from what was measured.

    Args:
        data: the public images, their encoder, and the folder of their store.
        source: captioned images that stand in for the private ones. They are looked at without noise: take public ones.
        model: the generator, for the parts that draw images.
        weights: its weights.
        out: folder of results.json and the pictures.
        store: folder of the stand-in's embeddings; made on first use.
        is_private: the source is private; a private store is refused without it, and everything is marked with it.
        only: one part: membership from released vectors, from images, or the data set minus one striking image.
        mechanisms: by short name; nonprivate is attacked with one neighbour as well.
        eps: epsilons, each of the budget that pays for all that is asked about one candidate.
        delta: of every budget.
        k: neighbours averaged, by mechanisms that search.
        sampling_rate: chance of each record to be searched, by mechanisms that search.
        queries: answers asked about each candidate, and paid for together.
        trials: stores attacked, each a random half of the stand-in; each is scored with the others as shadows.
        candidates: records attacked, evenly spaced.
        image_trials: the same for images.
        image_candidates: the same for images.
        striking: class that is taken out of the set but for one image.
        columns: images of each row of the demonstration, with `only` a budget of their own.
        seed: of the stores and the bootstrap, never of a private draw.
    """
    check.at_least(1, queries=queries)
    check.at_least(1, columns=columns)
    check.open_unit(delta=delta)
    parts = PARTS if only is None else (only,)
    drawing = _drawing(model, weights, data) if set(parts) & {"images", "minus_one"} else None
    stand_in = open_stand_in(source, data.encoder, store, is_private)
    check.in_range(1, len(stand_in.rows) // 2, k=k)
    settings = AttackSettings(tuple(mechanisms), tuple(eps), delta, k, sampling_rate, queries, seed)
    public = data.knowledge()
    attacked = arms(settings, public, len(stand_in.rows) // 2)
    rows, pictures = [], []
    sizes = {"released": (trials, candidates), "images": (image_trials, image_candidates)}
    for part in parts:
        if part == "minus_one":
            assert drawing is not None
            more, shown = minus_one(stand_in, source, settings, public, striking, columns, drawing, out)
        else:
            seeing = None if part == "released" else drawing
            more, shown = membership_rows(part, stand_in, settings, attacked, *sizes[part], seeing, out)
        rows += more
        pictures += shown
    results = Results(
        "attack",
        "Who was in the set",
        repeated_by("attack"),
        tuple(rows),
        tuple(pictures),
        tuple(_notes(stand_in, settings, parts)),
    )
    print(_text(results), f"Written: {results.save(out)}", *(f"  {out / one.file}" for one in pictures), sep="\n")


def _drawing(model: Generator | None, weights: Path | None, data: NeighbourDataModule) -> Drawing:
    if model is None:
        raise UserError(
            "Expected a generator to draw images with: --model. Or attack vectors alone, with --only released."
        )
    if weights is not None:
        model.load_weights(find_packaged(weights))
    model.eval()
    return Drawing(model, data.encoder)


def _notes(stand_in: StandIn, settings: AttackSettings, parts: tuple[Part, ...]) -> Iterator[str]:
    if set(parts) & {"released", "images"}:
        yield (
            "The attacker knows the candidate's record, the mechanism with its settings, everything public, and how records are "
            f"distributed. Each store holds a random half of {len(stand_in.rows):,} records; members and others are the same "
            f"records in different stores. Own query: asks the candidate's own embedding {settings.queries} times; class prompt: "
            f"its class's name, as often, as a usual user does. Epsilon pays for these {settings.queries} answers together."
        )
        yield (
            "Nearest answer: the cosine of the answer nearest to the candidate. Likelihood ratio: LiRA (Carlini et al. 2022) over "
            "how far answers move towards the candidate, fitted on all other stores. Rates are with Clopper and Pearson's 95% "
            "intervals, which count scores as independent; areas with a bootstrap over candidates. An attack that fails proves "
            "nothing: what is allowed is what the guarantee says of every attack."
        )
    yield (
        READS_PRIVATE
        if stand_in.is_private
        else "The records are public ones that stand in for private ones; no budget was spent."
    )


def _text(results: Results) -> str:
    width = max(len(row.name) for row in results.rows)
    lines = [f"{row.name:{width}}  " + "  ".join(_shown(one) for one in row.measurements) for row in results.rows]
    return "\n".join([*lines, "", *results.notes])


def _shown(one: Measurement) -> str:
    interval = "" if one.low is None else f" [{one.low:.3f}, {one.high:.3f}]"
    return f"{one.metric} {one.value:.3f}{interval}"
