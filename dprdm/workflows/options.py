"""What varies from one `predict` to the next. None of it is a field of the model, so no checkpoint can change it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dprdm import check
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.public.denoiser import Denoiser
from dprdm.release.mechanism import PrivacyMechanism
from dprdm.retrieval.retriever import Retriever


@dataclass(frozen=True)
class PredictOptions:
    """Options of `predict` and `render`, at the top level of the command line and of a config.

    Args:
        mechanism: what makes the release private: codebook (one release for all queries), gaussian (the paper's),
            centered (the paper's, around a public centre), or nonprivate (a baseline; marked everywhere).
        retriever: where neighbours come from: exact, faiss_flat or faiss_ivf (the private store), or public (the paper's
            public-only baseline).
        denoiser: what brings released vectors nearer to the clean ones, without private data: none (the paper's),
            public_prior (each by itself), or joint (all together).
        eps: the budget's epsilon; also the store's cap, the first time.
        delta: the budget's delta; by default 1 / number of private records, which treats that number as public.
        queries: how many queries the budget is to pay for, over all runs; by default those of this run.
        noise_std: fix the noise instead of having it solved for; it must fit the budget.
        private_weight: share of the released vector in the condition, in [0, 1]; the rest is `beside`.
        beside: what the rest of the condition is: the query's vector, or the mean of its public neighbours.
        spread: how far each image's condition is moved at random, in units of how far public images lie from their captions,
            so that images of one prompt vary; free. 0: not at all (the paper's).
        private_store: folder of the private embeddings.
        private: private images, embedded into private_store if that is not there yet.
        prompt: a prompt; may be given several times. Never take prompts from the private data.
        prompts: a text file with one prompt a line. By default the training data's own prompts or captions.
        releases_per_prompt: fresh releases for each prompt; each costs one query.
        images_per_release: images rendered from each release; these are free.
        account: the sub-budget of the ledger that pays.
        weights: the generator's weights: a file that `fit` exported, a diffusers folder, or a hub id. Pipelines bring theirs.
        seed: of the rendering. It never touches a private draw.
        render_batch: images rendered together; it does not change them.
        codebook: answer from this file, which `predict --mechanism codebook` left; no private store is needed, and nothing
            is charged.
        conditions: render this conditions file; nothing is released. `render FILE` sets it.
        name: the run's folder; by default named after mechanism, budget and request, so that the same request resumes.
        out: where run folders are.
        wandb: also track the run with Weights & Biases; offline unless a key is set.
    """

    mechanism: PrivacyMechanism
    retriever: Retriever
    denoiser: Denoiser
    eps: float | None = None
    delta: float | None = None
    queries: int | None = None
    noise_std: float | None = None
    private_weight: float = 1.0
    beside: Literal["query", "public"] = "query"
    spread: float = 0.0
    private_store: Path | None = None
    private: ImageSource | None = None
    prompt: list[str] = field(default_factory=list)
    prompts: Path | None = None
    releases_per_prompt: int = 8
    images_per_release: int = 1
    account: str = "default"
    weights: Path | None = None
    seed: int = 0
    render_batch: int = 64
    codebook: Path | None = None
    conditions: Path | None = None
    name: str | None = None
    out: Path = Path("runs")
    wandb: bool = False

    def __post_init__(self) -> None:
        if self.eps is not None:
            check.positive(eps=self.eps)
        if self.delta is not None:
            check.open_unit(delta=self.delta)
        if self.queries is not None:
            check.at_least(1, queries=self.queries)
        if self.noise_std is not None:
            check.positive(noise_std=self.noise_std)
        check.in_range(0, 1, private_weight=self.private_weight)
        check.in_range(0, 2, spread=self.spread)
        check.at_least(1, releases_per_prompt=self.releases_per_prompt)
        check.at_least(1, images_per_release=self.images_per_release)
        check.at_least(1, render_batch=self.render_batch)
        if self.name is not None and (not self.name or Path(self.name).name != self.name):
            raise UserError(
                f"Expected name={self.name!r} to be a plain folder name. Put the rest of the path in --out."
            )
