"""Stores and ledgers, as workflows open them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from dprdm.data.index import build_store
from dprdm.data.persons import names_persons
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.guarantee.release import Encode
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger, create_ledger, ledger_exists
from dprdm.retrieval.store import MANIFEST, PrivateStore, PromptEncoder, Store
from dprdm.types import Embeddings
from dprdm.workflows.encoder_names import load_encoder

log = logging.getLogger(__name__)


def open_private_store(path: Path | None, images: ImageSource | None, encoder: Encoder) -> PrivateStore:
    """Open the private store at `path`, which is made of `images` if it is not there yet.

    Raises:
        UserError: if there is none, and no images to make it of; StoreError: if another encoder made it.
    """
    if path is None:
        raise UserError("Expected a private store. Make one with `index`, then name it with --private_store.")
    is_grouped = images is not None and names_persons(images)
    if not (path / MANIFEST).exists() and images is not None:
        if is_grouped:
            raise UserError(
                "These images are grouped by person, and `predict` would index them as single images. "
                "Make the store with `index --group_column ... --max_per_group ...` first."
            )
        with tqdm(total=len(images), desc="Embedding private images", unit="image") as progress:
            report = build_store(images, encoder, path, PrivateStore, progress)
        for key in report.skipped:
            log.info("Skipped, cannot be read: %s", key)
    store = PrivateStore(path, encoder=encoder)
    if is_grouped and not store.unit_is_person:
        raise UserError(
            f"Expected a store of persons, since --private names persons; in {path} the unit of privacy is one image, so that "
            "the group column would have no effect. Leave it out, or name a store made with `index --group_column`."
        )
    return store


def open_ledger(store: Store, cap: Budget) -> Ledger | None:
    """Open the ledger of a private store; made with this cap if there is none yet. None for a public store."""
    if not isinstance(store, PrivateStore):
        return None
    if ledger_exists(store.ledger_path):
        return Ledger(store.ledger_path, store.fingerprint)
    log.info("The store's cap is now epsilon %g at delta %.3g; `ledger cap` changes it.", cap.epsilon, cap.delta)
    return create_ledger(store.ledger_path, store.fingerprint, cap)


def prompt_encoding(store: Store, encoder: PromptEncoder | None = None) -> Encode:
    """Return what turns prompts into vectors of a store's space: the encoder given here, else the store's own.

    An encoder that the store only names is loaded when it is used, for answers that are stored need none.

    Raises:
        UserError: if there is no encoder; StoreError: if another one made the store.
    """
    if (chosen := encoder or store.encoder) is not None:
        store.require_encoder(chosen.identity)
        return chosen.texts
    name = store.manifest.encoder.get("name")
    if name is None:
        raise UserError(
            f"Expected the encoder that {store.path} was made with, which turns prompts into vectors: "
            "dprdm.Store(path, encoder=...)."
        )

    def encode(prompts: Sequence[str]) -> Embeddings:
        loaded = load_encoder(name)
        store.require_encoder(loaded.identity)
        return loaded.texts(prompts)

    return encode
