"""`attack`: who was in the private set? Membership inference, and the demonstration with one striking image."""

from pathlib import Path

from dprdm import check
from dprdm.cli.function import repeated_by
from dprdm.cli.screen import print_results
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.source import ImageSource
from dprdm.generation.generator import Generator
from dprdm.registry import plugin_named
from dprdm.types import MechanismName
from dprdm.workflows.attack import PARTS, AttackSettings, Part
from dprdm.workflows.attack import attack as run_attack


def attack(
    data: NeighbourDataModule,
    source: ImageSource,
    model: Generator | None = None,
    weights: Path | None = None,
    out: Path = Path("runs/attack"),
    store: Path = Path("stores/stand-in"),
    is_private: bool = False,
    only: Part | None = None,
    mechanisms: list[MechanismName] = ["nonprivate", "gaussian", "codebook"],  # noqa: B006 - read only; jsonargparse shows it
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
    chosen = [plugin_named("mechanism", name, k=k, sampling_rate=sampling_rate) for name in mechanisms]
    sizes = trials, candidates, image_trials, image_candidates
    settings = AttackSettings(chosen, eps, delta, queries, *sizes, striking, columns, seed)
    parts = PARTS if only is None else (only,)
    command = repeated_by("attack")
    print_results(run_attack(data, source, settings, model, weights, parts, store, is_private, out, command), out)
