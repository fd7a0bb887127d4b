"""The doors at which a hazard is refused before anything is released: each is tried for real, and its refusal returned."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dprdm.audit.canaries import Pair, worst_case
from dprdm.audit.run import Scenario
from dprdm.audit.throwaway import NO_CAP
from dprdm.data.index import build_store
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.guarantee.release import release
from dprdm.privacy.budget import Budget
from dprdm.privacy.ledger import Ledger, create_ledger
from dprdm.retrieval.store import PrivateStore
from dprdm.types import Embeddings


def negative_row(folder: Path) -> str:
    """Ask a store for the row -1."""
    store = worst_case(2)(folder).absent
    return _refusal(lambda: store.vectors(np.array([0, 1, -1])))


def stored_twice(folder: Path) -> str:
    """Index an image under the same key twice."""
    return _refusal(lambda: _index(folder / "store", ("a.png", "b.png", "a.png"), np.eye(3))).replace(f"{folder}/", "")


def long_row(folder: Path) -> str:
    """Index with an encoder that gives a row of length 10."""
    return _refusal(lambda: _index(folder / "store", ("a.png", "b.png"), np.diag([1.0, 10.0])))


def no_ledger(scenario: Scenario) -> Callable[[Path], str]:
    """Return an attempt to release from a private store without its ledger."""

    def attempt(folder: Path) -> str:
        pair = scenario.make_pair(folder)
        return _refused_release(scenario, pair, None).replace(f"{folder}/", "")

    return attempt


def paid_release(scenario: Scenario) -> Callable[[Path], str]:
    """Return an attempt to release as a scenario says, paid for, with the real mechanism and its checks."""

    def attempt(folder: Path) -> str:
        pair = scenario.make_pair(folder)
        store = pair.absent
        ledger = create_ledger(store.ledger_path, store.fingerprint, Budget(NO_CAP, scenario.plan.budget.delta))
        return _refused_release(scenario, pair, ledger)

    return attempt


def _refused_release(scenario: Scenario, pair: Pair, ledger: Ledger | None) -> str:
    return _refusal(lambda: release(pair.query[None], pair.absent, scenario.plan, ledger, scenario.noise()))


def _refusal(attempt: Callable[[], object]) -> str:
    """Return the message of the error that stops `attempt`; empty if nothing does."""
    try:
        attempt()
    except (UserError, IndexError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _index(path: Path, keys: tuple[str, ...], vectors: np.ndarray) -> None:
    encoder = _FixedVectors(vectors.astype(np.float32))
    build_store(_Keys(keys), encoder, path, PrivateStore, _Nobody())


@dataclass(frozen=True)
class _FixedVectors:
    """An encoder that answers with these vectors."""

    vectors: Embeddings

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def identity(self) -> dict[str, str]:
        return {"model": "given"}

    def images(self, images: Iterable[Image.Image]) -> Embeddings:
        return self.vectors[[int(np.asarray(image)[0, 0]) for image in images]]


@dataclass(frozen=True)
class _Keys(ImageSource):
    """Images of one pixel: their position."""

    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def image(self, index: int) -> Image.Image:
        return Image.new("L", (1, 1), index)

    def caption(self, index: int) -> str:
        return ""

    def key(self, index: int) -> str:
        return self.keys[index]


class _Nobody:
    """Is told of progress."""

    def update(self, n: int, /) -> None:
        pass
