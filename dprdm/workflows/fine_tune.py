"""`fit` of a rival: a private fine-tuning, planned, charged to the private store's ledger, trained, certified."""

import dataclasses
import hashlib
import logging
from pathlib import Path
from typing import Any

import lightning as L
from jsonargparse import Namespace
from lightning.pytorch.callbacks import ModelCheckpoint

from dprdm.audit.prv import epsilon_prv
from dprdm.data.datamodule import NeighbourDataModule
from dprdm.errors import UserError
from dprdm.guarantee.certificate import Certificate
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.registry import import_class
from dprdm.retrieval.store import MANIFEST, Manifest, PrivateStore
from dprdm.rivals.certificate import certify_training
from dprdm.rivals.export import CertifiedExport
from dprdm.rivals.fine_tuning import PrivateFineTuning, TrainingTerms
from dprdm.rivals.images import FreshDraws, PrivateImages, require_images_as_units
from dprdm.rivals.plan import TrainingPlan, plan_training
from dprdm.training.bars import show_steps
from dprdm.workflows.fit import SavedConfig
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.stores import open_ledger, open_private_store

log = logging.getLogger(__name__)

LOST = (
    "A private training cannot be resumed: what was charged stays charged, no weights are left, and the same command trains "
    "anew and is charged anew."
)


def reads_private_images(class_path: str) -> bool:
    """Tell whether a model is there to be trained on private images."""
    return issubclass(import_class(class_path), PrivateFineTuning)


def prepare_config(config: Namespace) -> None:
    """Leave no checkpoint behind: a training resumed from one, twice even, would escape the ledger."""
    if config.ckpt_path is not None:
        raise UserError(f"Expected no ckpt_path. {LOST}")
    config.trainer.enable_checkpointing = False


def fine_tune(
    trainer: L.Trainer,
    model: PrivateFineTuning,
    public: L.LightningDataModule | None,
    options: PredictOptions,
    resolved_config: str,
) -> None:
    """Plan, pay, train, certify. Nothing is charged before all is ready for the first step.

    Args:
        trainer: trains, on one device.
        model: what is trained.
        public: public images; the loss on them is watched.
        options: the private images, their store, and the budget.
        resolved_config: YAML that repeats the training.
    Raises:
        UserError: for what is missing, or would be lost.
        BudgetExceeded: if the training does not fit the budget. Nothing was charged, in either case.
    """
    if options.private is None:
        raise UserError("Expected --private, the private images that the private store was made of.")
    require_images_as_units(options.private, _manifest(options.private_store), options.private_store)
    _require_lasting(trainer)
    if not isinstance(public, NeighbourDataModule):
        raise UserError("Expected a data module that serves public neighbours: data: NeighbourDataModule.")
    store = open_private_store(options.private_store, options.private, public.encoder)
    plan = _plan(model, trainer.max_steps, store, options)
    data = PrivateImages(options.private, store, public, plan.mechanism, SecureNoise())
    ledger = open_ledger(store, plan.budget)
    assert ledger is not None  # the store is private
    ledger.require(plan, 1, options.account)
    payment = Payment(
        plan,
        ledger,
        options.account,
        hashlib.sha256(resolved_config.encode()).hexdigest(),
        options.delta is None,
        store.unit_is_person,
    )
    model.agree(TrainingTerms(plan, data.noise, payment.pay))
    trainer.callbacks += [FreshDraws(data.noise), SavedConfig(resolved_config)]  # type: ignore[attr-defined]
    show_steps(trainer)
    try:
        trainer.fit(model, datamodule=data)
    except (KeyboardInterrupt, SystemExit) as stopped:
        raise KeyboardInterrupt(LOST) from stopped
    _say(plan, trainer, ledger)


@dataclasses.dataclass(frozen=True)
class Payment:
    """Pays for a training when it is called."""

    plan: TrainingPlan
    ledger: Ledger
    account: str
    request_digest: str
    delta_is_default: bool
    unit_is_person: bool

    def pay(self) -> Certificate:
        """Charge the ledger; only then may a step be made."""
        self.ledger.charge(self.plan, 1, self.request_digest, self.account)
        prv = epsilon_prv(self.plan.event(), self.plan.budget.delta)
        return certify_training(
            self.plan,
            self.ledger.fingerprint,
            SecureNoise(),
            self.ledger,
            self.delta_is_default,
            self.unit_is_person,
            prv,
        )


def _manifest(store: Path | None) -> Manifest | None:
    """What the store is, if it is there: nothing else of it is read."""
    return None if store is None or not (store / MANIFEST).is_file() else Manifest.read(store / MANIFEST)


def _plan(model: PrivateFineTuning, steps: int, store: PrivateStore, options: PredictOptions) -> TrainingPlan:
    if options.eps is None:
        raise UserError("Expected a budget: give --eps, such as --eps 10.")
    if steps < 1:
        raise UserError("Expected --trainer.max_steps: the noise of a private training depends on the number of steps.")
    budget = Budget(options.eps, options.delta if options.delta is not None else 1 / max(2, store.num_units))
    mechanism = model.mechanism(steps)
    mechanism.require_exact(store.num_owned)
    plan = plan_training(mechanism, budget, options.noise_std)
    costs = plan.epsilons()
    log.info(
        f"Plan for {steps} steps at sampling_rate {mechanism.sampling_rate:g}: noise_std {plan.noise_std:.5g} / sensitivity "
        f"{plan.sensitivity:.5g} = noise_multiplier {plan.noise_multiplier:.4g}; epsilon {costs.pld:.4g} (PLD), "
        f"{costs.rdp:.4g} (RDP) at delta {budget.delta:.3g}."
    )
    return plan


def _require_lasting(trainer: L.Trainer) -> None:
    """Refuse a training that would leave nothing, or something that it must not, before it costs anything."""
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    if not any(isinstance(callback, CertifiedExport) for callback in callbacks):
        raise UserError("Expected the callback dprdm.rivals.export.CertifiedExport: the trained weights would be lost.")
    if any(isinstance(callback, ModelCheckpoint) for callback in callbacks):
        raise UserError(f"Expected no ModelCheckpoint. {LOST}")
    if trainer.world_size > 1:
        raise UserError("Expected one device: private fine-tuning draws its samples and its noise in one process.")
    if "16" in str(trainer.precision):
        raise UserError("Expected full precision: gradients of single images are clipped and summed in float32.")
    if trainer.accumulate_grad_batches != 1:
        raise UserError("Expected accumulate_grad_batches=1: a private step is one sample; see physical_batch.")


def _say(plan: TrainingPlan, trainer: L.Trainer, ledger: Ledger) -> None:
    spent, cap = ledger.spent(), ledger.cap()
    assert cap is not None
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, CertifiedExport):
            log.info(f"\n  weights      {callback.path}\n  certificate  {callback.path.parent / 'certificate.md'}")
    log.info(
        f"Epsilon of these weights: {plan.epsilons().epsilon:.4g} at delta {plan.budget.delta:.3g}. "
        f"Spent by the store: {spent.epsilon:.4g} of {cap.epsilon:g}."
    )
