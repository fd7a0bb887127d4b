"""What varies from one `predict` to the next. None of it is a field of the model, so no checkpoint can change it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dprdm import check
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.guarantee.description import describe
from dprdm.guarantee.mechanism import Preparable, PrivacyMechanism
from dprdm.public.denoiser import Denoiser
from dprdm.retrieval.retriever import Retriever
from dprdm.workflows.post_processing import MixWith

MOST_DEFAULT_PROMPTS = 10
# What changes no image.
IMMATERIAL = {"prompt", "private", "render_batch", "wandb", "out"}


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
        private_weight: share of the released vector in the condition, in [0, 1]; the rest is `mix_with`.
        mix_with: what the rest of the condition is: the query's vector, or the mean of its public neighbours.
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
    mix_with: MixWith = "query"
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

    @property
    def learns_from_public(self) -> bool:
        """Tell whether a mechanism or what follows it learns from public images."""
        prepares = isinstance(self.mechanism, Preparable) and self.codebook is None
        return prepares or self.denoiser.needs_prior or self.spread > 0 or self.mix_with == "public"

    def digest(self, prompts: Sequence[str], mechanism: PrivacyMechanism) -> str:
        """Return a digest of all that is requested, but for what changes no image."""
        settings = {name: str(value) for name, value in vars(self).items() if name not in IMMATERIAL}
        requested = {
            **settings,
            "mechanism": describe(mechanism),
            "retriever": describe(self.retriever),
            "prompts": list(prompts),
        }
        return hashlib.sha256(json.dumps(requested, sort_keys=True).encode()).hexdigest()

    def run_name(self, digest: str, mechanism: PrivacyMechanism) -> str:
        """Return the name of the run's folder: by default such that the same request finds it again."""
        budget = f"-eps{self.eps:g}" if mechanism.is_private and self.eps is not None else ""
        source = "" if self.retriever.reads_private else f"-{self.retriever.name}"
        return self.name or f"{mechanism.name}{source}{budget}-{digest[:6]}"


def list_prompts(options: PredictOptions, images: ImageSource) -> list[str]:
    """Return the prompts that are requested, else those that public images suggest, else their first captions."""
    prompts = [*options.prompt, *(_read_prompts(options.prompts) if options.prompts is not None else ())]
    return prompts or list(images.prompts()) or _first_captions(images)


def _read_prompts(path: Path) -> list[str]:
    check.file(prompts=path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"Expected {path} to be a text file with one prompt a line; it is not UTF-8 text.") from error
    prompts = [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise UserError(f"Expected one prompt a line in {path}, and it is empty.")
    return prompts


def _first_captions(images: ImageSource) -> list[str]:
    captions: dict[str, None] = {}
    for position in range(len(images)):
        if caption := images.caption(position):
            captions[caption] = None
        if len(captions) == MOST_DEFAULT_PROMPTS:
            break
    return list(captions)
