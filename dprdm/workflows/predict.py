"""The main job: private images in, private synthetic images out.

Release on one process, which is what costs; then render on all, which is free and may be repeated at will.
"""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import lightning as L
from tqdm import tqdm

from dprdm.audit.prv import epsilon_prv
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.generation.generator import Generator
from dprdm.guarantee.certificate import Evidence, certify, ledger_entry
from dprdm.guarantee.description import describe
from dprdm.guarantee.mechanism import OneRelease, OneReleaseMechanism, PrivacyMechanism
from dprdm.guarantee.plan import Plan
from dprdm.guarantee.release import answer, require_planned
from dprdm.guarantee.request import list_requests
from dprdm.privacy.ledger import DEFAULT_ACCOUNT
from dprdm.privacy.noise import SecureNoise
from dprdm.resources import find_packaged
from dprdm.retrieval.store import PromptEncoder, Store
from dprdm.rivals.certificate import cover_weights, require_public_release
from dprdm.runs.release_files import Release
from dprdm.runs.run_folder import Run
from dprdm.training.processes import decide_on_first
from dprdm.workflows import planning
from dprdm.workflows.loaded_codebook import LoadedCodebook, load_codebook
from dprdm.workflows.options import PredictOptions, list_prompts
from dprdm.workflows.post_processing import PostProcessing
from dprdm.workflows.render import PreparedRun, draw_run, drawing_settings, prepare_run
from dprdm.workflows.stores import open_ledger, open_private_store, prompt_encoding

log = logging.getLogger(__name__)


def predict(
    options: PredictOptions,
    generator: Generator,
    data: NeighbourDataModule | None,
    trainer: L.Trainer,
    config: str | None = None,
) -> PreparedRun | None:
    """Turn prompts into images, in the folder of a run.

    One process opens the store, plans, pays, releases and certifies, before the Trainer's loop; all of them render.

    Args:
        options: what is requested.
        generator: draws.
        data: brings encoder, public images and their prompts. None on processes that only render.
        trainer: renders, on as many processes as it has.
        config: YAML that repeats the run, written into its folder.
    Returns:
        The run; None on a process that only renders.
    Raises:
        BudgetExceeded: if the request does not fit the budget; nothing was charged.
        UserError: for anything else that cannot be done, before it costs anything.
    """
    generator.load_weights(None if options.weights is None else find_packaged(options.weights))
    require_public_release(generator, options.codebook is not None or options.retriever.reads_private)

    def release_alone() -> PreparedRun:
        if data is None:
            raise UserError("Expected data that bring an encoder and public images: data: NeighbourDataModule.")
        codebook = None if options.codebook is None else load_codebook(options.codebook)
        mechanism = options.mechanism if codebook is None else codebook.mechanism.read_as(options.mechanism)
        prompts, count = list_prompts(options, data.source), options.releases_per_prompt
        request = options.digest(prompts, mechanism)
        run = Run(options.out / options.run_name(request, mechanism))
        settings = drawing_settings(options, generator, trainer, request)
        drawn_from = run.require_settings(settings)  # two requests never share a folder

        public = data.captioned_store() if options.learns_from_public else None
        post_processing = PostProcessing(
            options.denoiser, options.private_weight, options.mix_with, options.spread, public, data.k
        )
        if codebook is not None:
            released = release_from_codebook(codebook, prompts, data.encoder, mechanism, count, post_processing)
        else:
            reads_private = options.retriever.reads_private
            store = (
                open_private_store(options.private_store, options.private, data.encoder)
                if reads_private
                else data.public_store()
            )
            plan = planning.plan(
                store,
                mechanism,
                options.eps,
                options.delta,
                options.queries or len(list_requests(prompts, count)),
                noise_std=options.noise_std,
                retriever=options.retriever,
                public=public,
            )
            released = release(store, prompts, plan, count, post_processing, data.encoder, options.account)

        released = cover_weights(released, generator)
        settings["conditions"] = released.conditions.fingerprint()
        if drawn_from not in {None, settings["conditions"]}:  # released anew, as `nonprivate` does each time
            run.remove_images()
        released.save(run.folder, config)
        return prepare_run(run, released, run.conditions, settings, options)

    decided = decide_on_first(trainer, release_alone, PreparedRun.share)
    return draw_run(trainer, generator, decided, config if options.wandb else None)


def release(
    store: Store,
    prompts: Sequence[str],
    plan: Plan,
    releases_per_prompt: int = 1,
    post_processing: PostProcessing | None = None,
    encoder: PromptEncoder | None = None,
    account: str = DEFAULT_ACCOUNT,
) -> Release:
    """Release vectors for prompts, denoise and mix them, and certify the result.

    What was released before is answered from the store's folder, free; the rest is paid for from the store's ledger.

    Args:
        store: what is released from.
        prompts: texts. Never take them from the private data.
        plan: for this store.
        releases_per_prompt: fresh releases for each prompt; each costs one query.
        post_processing: free. None: vectors stay as they were released.
        encoder: the one that the store was made with. None: the store's own.
        account: the sub-budget of the ledger that pays.
    Raises:
        BudgetExceeded: if not all of it fits the budget; nothing was charged.
        UserError: if store, plan and prompts do not belong together.
    Examples:
        >>> release = dprdm.release(store, ["ankle boot", "bag"], plan)
        >>> release.vectors.shape
        (2, 64)
        >>> dprdm.release(store, ["bag", "ankle boot"], plan).receipt.num_charged  # requested again
        0
    """
    requests = list_requests(prompts, releases_per_prompt)
    require_planned(plan, len(requests))
    encode = prompt_encoding(store, encoder)
    ledger, noise = open_ledger(store, plan.budget), SecureNoise()
    with tqdm(total=len(requests), desc="Releasing", unit="query") as progress:
        answers = answer(requests, encode, store, plan, ledger, noise, account, progress.update)
    if isinstance(plan.mechanism, OneReleaseMechanism):
        log.info(
            "One release for all queries: %s.", "made now" if answers.receipt.num_charged else "the stored one, free"
        )
    else:
        charged, stored = answers.receipt.num_charged, answers.receipt.num_stored
        log.info("%d queries released now, %d answered from stored releases, free.", charged, stored)

    conditions = (post_processing or PostProcessing()).apply(answers)
    files = {Run.CONDITIONS: conditions.to_bytes()}
    if answers.once is not None:
        files[f"{plan.mechanism.name}.safetensors"] = _file_of(answers.once, plan, store)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    evidence = Evidence(
        num_queries=len(requests),
        store_fingerprint=store.fingerprint,
        unit_is_person=store.unit_is_person,
        ledger=ledger_entry(ledger),
        rng=noise.source,
        conditions_sha256=hashes.pop(Run.CONDITIONS),
        release_sha256=next(iter(hashes.values()), None),
        # Opacus' accountant is for the record: what is charged is the ledger's.
        prv=None if ledger is None else epsilon_prv(plan.event(len(requests)), plan.budget.delta),
    )
    return Release(conditions, certify(plan, evidence), files, answers.receipt)


def release_from_codebook(
    codebook: LoadedCodebook,
    prompts: Sequence[str],
    encoder: Encoder,
    reader: PrivacyMechanism | None = None,
    releases_per_prompt: int = 1,
    post_processing: PostProcessing | None = None,
) -> Release:
    """Answer prompts from a release that was paid for elsewhere: nothing private is read, nothing is charged.

    Args:
        codebook: the release.
        prompts: texts.
        encoder: the one that the release was made with.
        reader: says how the release is read; see `LoadedCodebook.answer`.
        releases_per_prompt: answers for each prompt.
        post_processing: free. None: vectors stay as they were released.
    Raises:
        UserError: for another encoder.
    """
    requests = list_requests(prompts, releases_per_prompt)
    answers = codebook.answer(requests, encoder, reader)
    log.info(f"{len(requests)} queries answered from {codebook.path}, free.")
    conditions = (post_processing or PostProcessing()).apply(answers)
    content = conditions.to_bytes()
    certificate = codebook.certify(len(requests), hashlib.sha256(content).hexdigest())
    return Release(conditions, certificate, {Run.CONDITIONS: content}, answers.receipt)


def _file_of(once: OneRelease, plan: Plan, store: Store) -> bytes:
    """Return the content of the file that answers later queries without the store."""
    metadata = {
        "mechanism": describe(plan.mechanism),
        "noise_std": plan.noise_std,
        "store_fingerprint": store.fingerprint,
        "encoder": store.encoder_identity,
    }
    with TemporaryDirectory() as folder:
        once.save(Path(folder) / "release", metadata)
        return (Path(folder) / "release").read_bytes()
