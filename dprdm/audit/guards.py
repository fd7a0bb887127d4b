"""The doors at which a hazard is refused before anything is released: each tried for real, its refusal returned."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dprdm.audit.canaries import worst_case
from dprdm.audit.run import Scenario
from dprdm.data.index import build_store
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.guarantee.release import release
from dprdm.retrieval.store import PrivateStore
from dprdm.types import Embeddings


def row_minus_one(folder: Path) -> str:
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
    """Release from a private store without its ledger."""

    def attempt(folder: Path) -> str:
        pair = scenario.make_pair(folder)
        queries, plan, noise = pair.query[None], scenario.plan, scenario.noise()
        refusal = _refusal(lambda: release(queries, pair.absent, plan, None, noise))
        return refusal.replace(f"{folder}/", "")

    return attempt


def _refusal(attempt: Callable[[], object]) -> str:
    """The message of the error that stops `attempt`; empty if nothing does."""
    try:
        attempt()
    except (UserError, IndexError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _index(path: Path, keys: tuple[str, ...], vectors: np.ndarray) -> None:
    encoder = _GivenVectors(vectors.astype(np.float32))
    build_store(_Keys(keys), encoder, path, PrivateStore, _Nobody())


@dataclass(frozen=True)
class _GivenVectors:
    """An encoder whose answer is known beforehand."""

    vectors: Embeddings

    @property
    def dim(self) -> int:
        return self.vectors.shape[1]

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
