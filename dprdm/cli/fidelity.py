"""`fidelity`: what the noise does to retrieval, before and after a denoiser, against epsilon. Draws no image."""

from pathlib import Path

from dprdm import check
from dprdm.cli.function import repeated_by
from dprdm.cli.screen import print_results
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.readers.source import ImageSource
from dprdm.registry import create, plugin_named
from dprdm.types import DenoiserName, MechanismName
from dprdm.workflows.fidelity import FidelitySettings
from dprdm.workflows.fidelity import fidelity as measure_fidelity


def fidelity(
    data: NeighbourDataModule,
    source: ImageSource,
    out: Path = Path("runs/fidelity"),
    store: Path = Path("stores/stand-in"),
    is_private: bool = False,
    mechanisms: list[MechanismName] = ["gaussian", "centered", "codebook"],  # noqa: B006 - read only; jsonargparse shows it
    denoisers: list[DenoiserName] = ["none", "public_prior", "joint"],  # noqa: B006
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
    check.open_unit(delta=delta)
    check.at_least(1, k=k)
    check.at_least(1, repeats=repeats)
    searching = {"k": k, "sampling_rate": sampling_rate}
    settings = FidelitySettings(
        [plugin_named("mechanism", name, **searching) for name in mechanisms],
        [create("denoiser", name) for name in denoisers],
        create("mechanism", "nonprivate", **searching),
        eps,
        queries,
        delta,
        neighbours,
        repeats,
    )
    results = measure_fidelity(data, source, settings, store, is_private, out, repeated_by("fidelity"))
    print_results(results, out)
