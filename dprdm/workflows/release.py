"""The first half of `predict`: from options to a conditions file and its certificate."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dprdm import check
from dprdm.audit.prv import epsilon_prv
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.index import build_store
from dprdm.data.persons import names_persons
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.files import write_text
from dprdm.generation.conditioning import mix
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger, create_ledger, ledger_exists
from dprdm.privacy.noise import SecureNoise
from dprdm.registry import create
from dprdm.release.certificate import Certificate, certify, certify_again, write_certificate
from dprdm.release.description import describe
from dprdm.release.mechanism import OneReleaseMechanism, Preparable, PrivacyMechanism, Terms
from dprdm.release.plan import Plan, make_plan
from dprdm.release.release import Answer, Requests, answer
from dprdm.retrieval.retriever import Retriever
from dprdm.retrieval.store import MANIFEST, PrivateStore, PublicStore, Store
from dprdm.runs.run_folder import Conditions, Request, Run
from dprdm.types import Answered, Queries, Released
from dprdm.workflows.loaded_codebook import opened
from dprdm.workflows.options import PredictOptions

log = logging.getLogger(__name__)

MOST_DEFAULT_PROMPTS = 10
WEAK_DELTA = 1e-4


@dataclass(frozen=True)
class Releasing:
    """Plans, pays, releases, certifies.

    Args:
        options: what was asked for.
        data: serves prompts, the encoder and public neighbours.
    """

    options: PredictOptions
    data: NeighbourDataModule

    @property
    def mechanism(self) -> PrivacyMechanism:
        """What makes the release private."""
        return self.options.mechanism if self.options.codebook is None else opened(self.options.codebook).mechanism

    @property
    def retriever(self) -> Retriever:
        """Where neighbours come from."""
        return self.options.retriever

    def prompts(self) -> list[str]:
        """From --prompt and --prompts, else what the public data suggests."""
        given = list(self.options.prompt) + (_read_prompts(self.options.prompts) if self.options.prompts else [])
        prompts = given or list(self.data.source.prompts()) or self._first_captions()
        if not prompts:
            raise UserError("Expected a prompt. Give one with --prompt, or a file with one a line with --prompts.")
        return list(dict.fromkeys(prompts))

    def write(
        self, run: Run, resolved_config: str, stated: Callable[[Certificate], Certificate] = lambda same: same
    ) -> None:
        """Leave conditions and certificate in the run's folder, charging for what was not released before.

        Args:
            stated: adds to the certificate what the generator's weights cost.
        """
        requests = [Request(p, r) for p in self.prompts() for r in range(self.options.releases_per_prompt)]
        if self.options.codebook is not None:
            certificate = self._answer_from_file(self.options.codebook, requests, run)
        else:
            certificate = self._release(requests, run)
        write_text(run.config, resolved_config)
        write_certificate(stated(certificate), run.folder)

    def _release(self, requests: list[Request], run: Run) -> Certificate:
        """Ask the store, and pay for what was not released before."""
        store = self._store()
        store.require_encoder(self.data.encoder.identity)
        plan = self._plan(store, len(requests))
        ledger = self._ledger(store, plan.budget)
        noise, asked = SecureNoise(), self._asked(requests)
        with tqdm(total=len(requests), desc="Releasing", unit="query") as progress:
            answered = answer(asked, store, plan, ledger, noise, self.options.account, progress.update)
        log.info(_say_answered(plan, answered))
        self._conditions(requests, asked.queries, Answered(answered.vectors, answered.noise_std)).save(run.conditions)
        # Opacus' accountant is for the record: what is charged is the ledger's.
        prv = epsilon_prv(plan.event(len(requests)), plan.budget.delta) if ledger is not None else None
        return certify(
            plan,
            store.fingerprint,
            len(requests),
            noise,
            ledger,
            run.conditions,
            self.options.delta is None,
            store.unit_is_person,
            {"prv": prv},
            self._write_released(plan, answered, store, run),
        )

    def _write_released(self, plan: Plan, answered: Answer, store: Store, run: Run) -> Path | None:
        """What a mechanism released once for all queries, as a file that answers them without the store."""
        if answered.released is None or not isinstance(plan.mechanism, OneReleaseMechanism):
            return None
        path = run.folder / f"{plan.mechanism.name}.safetensors"
        metadata = {
            "mechanism": describe(plan.mechanism),
            "noise_std": plan.noise_std,
            "store_fingerprint": store.fingerprint,
            "encoder": self.data.encoder.identity,
        }
        plan.mechanism.restore(answered.released, plan.noise_std).save(path, metadata)
        return path

    def _answer_from_file(self, path: Path, requests: list[Request], run: Run) -> Certificate:
        """Answer from a release that was paid for elsewhere: nothing private is read, nothing is charged."""
        codebook, asked = opened(path), self._asked(requests)
        codebook.require_encoder(self.data.encoder.identity)
        answered = codebook.answer(asked, self.options.mechanism)
        log.info(f"{len(requests)} queries answered from {path}, free.")
        self._conditions(requests, asked.queries, answered).save(run.conditions)
        return certify_again(codebook.certificate, len(requests), run.conditions)

    def _asked(self, requests: list[Request]) -> Requests:
        prompts = list(dict.fromkeys(request.prompt for request in requests))
        vectors = dict(zip(prompts, self.data.encoder.texts(prompts), strict=True))
        queries = np.stack([vectors[request.prompt] for request in requests])
        return Requests(queries, np.array([request.release for request in requests]))

    def _conditions(self, requests: list[Request], queries: Queries, answered: Answered) -> Conditions:
        """Denoise the answers, mix them with what lies beside them, and say how images of one prompt are to vary."""
        weight, denoiser, amount = self.options.private_weight, self.options.denoiser, self.options.spread
        prior = self.data.prior() if denoiser.needs_prior or amount > 0 else None
        denoised = denoiser.denoise(queries, answered, prior)
        condition = mix(denoised.vectors, self._beside(queries), weight)
        spread = prior.spread(amount) if prior is not None and amount > 0 else np.zeros((0, 0))
        return Conditions(tuple(requests), queries, answered.vectors, condition, weight * denoised.noise_std, spread)

    def _store(self) -> PrivateStore | PublicStore:
        if not self.retriever.reads_private:
            return self.data.public_store()
        return open_private_store(self.options, self.data.encoder)

    def _plan(self, store: PrivateStore | PublicStore, num_requests: int) -> Plan:
        options = self.options
        tuning = self.mechanism.tuning
        if tuning is not None and tuning.k > store.num_owned:
            raise UserError(
                f"Expected at most as many neighbours as records; k={tuning.k}, and {store.path} holds {store.num_owned}."
            )
        budget, num_queries = self._budget(store), options.queries or num_requests
        mechanism = self._prepared(store, budget, num_queries)
        plan = make_plan(mechanism, self.retriever, budget, num_queries, options.noise_std, store.max_per_unit)
        if num_requests > plan.num_queries and not isinstance(mechanism, OneReleaseMechanism):
            raise UserError(
                f"This run asks {num_requests} queries, and --queries plans for {plan.num_queries}. Ask fewer, or plan more."
            )
        _say_plan(plan)
        for warning in _warnings(plan, store.num_units, self.options.delta is None):
            log.info(f"Warning: {warning}")
        return plan

    def _prepared(self, store: PrivateStore | PublicStore, budget: Budget, num_queries: int) -> PrivacyMechanism:
        """The mechanism with what it leaves open decided on public rows."""
        if not isinstance(self.mechanism, Preparable):
            return self.mechanism
        public = self.data.knowledge()
        # The number of private records is public where delta was made from it; otherwise the public rows' number serves.
        records = store.num_units if self.options.delta is None else len(public.rows)
        return self.mechanism.prepare(public, Terms(budget, num_queries, records, store.max_per_unit))

    def _budget(self, store: PrivateStore | PublicStore) -> Budget:
        delta = self.options.delta if self.options.delta is not None else 1 / max(2, store.num_units)
        if self.options.eps is not None:
            return Budget(self.options.eps, delta)
        if isinstance(store, PrivateStore) and not self.mechanism.is_private and ledger_exists(store.ledger_path):
            cap = Ledger(store.ledger_path, store.fingerprint).cap()
            assert cap is not None
            return cap
        raise UserError("Expected a budget: give --eps, such as --eps 10.")

    def _ledger(self, store: PrivateStore | PublicStore, budget: Budget) -> Ledger | None:
        if not isinstance(store, PrivateStore):
            return None
        return open_ledger(store, budget)

    def _beside(self, queries: Queries) -> Released:
        """What the private vector is mixed with: the query, or the mean of its public neighbours, without noise."""
        if self.options.beside == "query":
            return queries
        store = self.data.public_store()
        search, rows = create("retriever", "public").search, np.arange(len(store))
        k = min(self.data.k, len(store))
        return np.stack([store.vectors(search(query, store, rows, k)).mean(0) for query in queries])

    def _first_captions(self) -> list[str]:
        captions = (self.data.source.caption(index) for index in range(len(self.data.source)))
        distinct: dict[str, None] = {}
        for caption in captions:
            if caption:
                distinct[caption] = None
            if len(distinct) == MOST_DEFAULT_PROMPTS:
                break
        return list(distinct)


def open_private_store(options: PredictOptions, encoder: Encoder) -> PrivateStore:
    """The private store that was named; made of the private images that were named if it is not there yet."""
    path = options.private_store
    if path is None:
        raise UserError("Expected a private store. Make one with `index`, then name it with --private_store.")
    source = options.private
    is_grouped = source is not None and names_persons(source)
    if not (path / MANIFEST).exists() and source is not None:
        if is_grouped:
            raise UserError(
                "These images are grouped by person, and `predict` would index them as single images. "
                "Make the store with `index --group_column ... --max_per_group ...` first."
            )
        with tqdm(total=len(source), desc="Embedding private images", unit="image") as progress:
            report = build_store(source, encoder, path, PrivateStore, progress)
        for key in report.skipped:
            log.info(f"Skipped, cannot be read: {key}")
    store = PrivateStore(path)
    if is_grouped and not store.unit_is_person:
        raise UserError(
            f"Expected a store of persons, since --private names persons; in {path} the unit of privacy is one image, so that "
            "the group column would have no effect. Leave it out, or name a store made with `index --group_column`."
        )
    return store


def open_ledger(store: PrivateStore, budget: Budget) -> Ledger:
    """The ledger of a private store; made with this budget as the cap if there is none yet."""
    if ledger_exists(store.ledger_path):
        return Ledger(store.ledger_path, store.fingerprint)
    log.info(f"The store's cap is now epsilon {budget.epsilon:g} at delta {budget.delta:.3g}; `ledger cap` changes it.")
    return create_ledger(store.ledger_path, store.fingerprint, budget)


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


def _warnings(plan: Plan, num_units: int, delta_is_default: bool) -> list[str]:
    """What is safe and yet surely not wanted."""
    warnings = []
    tuning = plan.mechanism.tuning
    if tuning is not None and tuning.sampling_rate * num_units < tuning.k:
        warnings.append(
            f"a sample holds {tuning.sampling_rate * num_units:.3g} units on average, fewer than k={tuning.k}: "
            "zeros are averaged in. Raise --mechanism.sampling_rate, or lower --mechanism.k."
        )
    if delta_is_default and plan.is_private and plan.budget.delta > WEAK_DELTA:
        warnings.append(
            f"delta is 1/{num_units} by default, and a mechanism that publishes one record at random is as private as "
            "that. Give --delta 1e-5 or less."
        )
    return warnings


def _say_answered(plan: Plan, answered: Answer) -> str:
    if isinstance(plan.mechanism, OneReleaseMechanism):
        return "One release for all queries: " + ("made now." if answered.num_charged else "the stored one, free.")
    return f"{answered.num_charged} queries released now, {answered.num_stored} answered from stored releases, free."


def _say_plan(plan: Plan) -> None:
    if not plan.is_private:
        log.info("NON-PRIVATE: no noise is added. This is a baseline; its outputs are marked and must not leave.")
        return
    costs = plan.epsilons()
    count = "any number of" if isinstance(plan.mechanism, OneReleaseMechanism) else plan.num_queries
    log.info(
        f"Plan for {count} queries: noise_std {plan.noise_std:.5g} / sensitivity {plan.sensitivity:.5g} = "
        f"noise_multiplier {plan.noise_multiplier:.4g}; epsilon {costs.pld:.4g} (PLD), {costs.rdp:.4g} (RDP) "
        f"at delta {plan.budget.delta:.3g}."
    )
