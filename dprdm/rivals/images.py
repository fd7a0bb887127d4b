"""What a rival trains on: private images by Poisson samples, each with a condition that only itself and public data decide."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from dprdm.data.datamodule import Item, NeighbourDataModule, draw_ranks, to_pixels
from dprdm.data.index import require_source
from dprdm.data.persons import names_persons
from dprdm.data.readers.source import ImageSource
from dprdm.data.searchers import NumpySearcher
from dprdm.errors import UserError
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.sampling import poisson_sample
from dprdm.retrieval.store import Manifest, PrivateStore
from dprdm.rivals.plan import DpSgd
from dprdm.types import Query, RowIds


class CaptionedImages(Dataset[Item]):
    """Item i: `image` (channel, size, size) uint8 of the store's row i, `neighbours` (k, dim) of its caption, all public,
    and `query` (dim,): its caption's vector, zero without one.

    The neighbours are public images near the caption's vector, drawn as the generator's training draws those of an image; of an
    image without a caption, near its own vector. So an item depends on one record and on public data.

    Args:
        source: the private images.
        store: their private store: its rows are the records that the ledger is of.
        public: serves public neighbours, and says how an image is cut.
    """

    def __init__(self, source: ImageSource, store: PrivateStore, public: NeighbourDataModule) -> None:
        self.source, self.store, self.public = source, store, public
        self.positions = store.source_index()
        captions = [source.caption(int(position)) for position in self.positions]
        distinct = {caption: number for number, caption in enumerate(dict.fromkeys(filter(None, captions)))}
        self.caption_of = [distinct.get(caption) for caption in captions]
        self.searcher = NumpySearcher(public.public_store())
        # One by one: beside others, a caption's vector may round otherwise, and one record's would depend on another's.
        self.queries = [public.encoder.texts([caption])[0] for caption in distinct]
        self.table = [self._search(query) for query in self.queries]
        self.transform = to_pixels(public.image_size, public.channels, public.mirror)

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, row: int) -> Item:
        rows = self._near(row)[draw_ranks(self.public.k, self.public.spread)]
        neighbours = self.public.public_store().vectors(rows)
        image = self.transform(self.source.image(int(self.positions[row])))
        caption = self.caption_of[row]
        query = np.zeros_like(neighbours[0]) if caption is None else self.queries[caption]
        return {"image": image, "neighbours": torch.from_numpy(neighbours), "query": torch.from_numpy(query)}

    def _near(self, row: int) -> np.ndarray:
        caption = self.caption_of[row]
        if caption is None:
            return self._search(self.store.vectors(np.array([row]))[0])
        near: np.ndarray = self.table[caption]
        return near

    def _search(self, query: Query) -> RowIds:
        nearest: RowIds = self.searcher.search(query[None], self.public.spread)[1][0]
        return nearest


class PoissonBatches(Sampler[list[int]]):
    """Rows of one Poisson sample after another, each row in by its own coin, from the operating system's randomness.

    Args:
        num_records: rows there are.
        sampling_rate: chance of each.
        noise: where the coins come from; no seed repeats them.
    Guarantee:
        - Samples are Poisson, and seeds do not repeat them (tests/rivals/test_images.py::test_samples_are_poisson).
        - What is drawn for the items of a sample is fresh (tests/rivals/test_images.py::test_hazard_01_draws_are_fresh).
    """

    def __init__(self, num_records: int, sampling_rate: float, noise: SecureNoise) -> None:
        self.num_records, self.sampling_rate, self.noise = num_records, sampling_rate, noise

    def __len__(self) -> int:
        """Samples in what is called an epoch: public, since it depends on the rate alone."""
        return round(1 / self.sampling_rate)

    def __iter__(self) -> Iterator[list[int]]:
        for _ in range(len(self)):
            reseed(self.noise)
            yield poisson_sample(self.num_records, self.sampling_rate, self.noise).tolist()


def require_images_as_units(source: ImageSource, manifest: Manifest | None, path: Path | None) -> None:
    """Raise UserError if the unit of privacy is a person: a step's sum of gradients is bounded for one image only.

    Args:
        source: the private images.
        manifest: of their private store; None if it is not made yet.
        path: the store's folder.
    Guarantee:
        - Private training never reads a store of persons
          (tests/workflows/test_fine_tune.py::test_hazard_18_a_store_of_persons_is_refused_before_anything_is_read).
    """
    if manifest is not None and manifest.unit_is_person:
        raise UserError(
            f"Expected a private store whose unit of privacy is one image; in {path} it is a person, and private training "
            "protects single images only. Use `predict`, which protects persons, or name a store that was indexed without "
            "--group_column."
        )
    if names_persons(source):
        raise UserError(
            "Expected private images without persons: private training protects single images only, so that naming persons "
            "would have no effect. Use `predict` with a store of persons, or leave the group column out."
        )


class PrivateImages(L.LightningDataModule):
    """Serves private images for training, and public ones for validation: a loss on private images would give them away.

    Args:
        source: the private images.
        store: their private store.
        public: serves public neighbours and the public images set aside.
        mechanism: says how they are sampled.
        noise: where the coins of the samples come from.

    Raises:
        StoreError: if the store was made of other images.
        UserError: if the unit of privacy is not one image.
    """

    def __init__(
        self,
        source: ImageSource,
        store: PrivateStore,
        public: NeighbourDataModule,
        mechanism: DpSgd,
        noise: SecureNoise,
    ) -> None:
        super().__init__()
        require_images_as_units(source, store.manifest, store.path)
        require_source(store, source)
        store.require_encoder(public.encoder.identity)
        self.images_of = (source, store, public)
        self.public, self.mechanism, self.noise = public, mechanism, noise

    def prepare_data(self) -> None:
        """Find the neighbours of the public images set aside."""
        self.public.prepare_data()

    def setup(self, stage: str) -> None:
        """Find the public neighbours of the private captions."""
        self.public.setup(stage)
        self.images = CaptionedImages(*self.images_of)

    def train_dataloader(self) -> DataLoader[Item]:
        """Return one Poisson sample a step, whatever its size; empty ones too."""
        batches = PoissonBatches(len(self.images), self.mechanism.sampling_rate, self.noise)
        return DataLoader(self.images, batch_sampler=batches, collate_fn=collate)  # in this process: see `reseed`

    def val_dataloader(self) -> DataLoader[Item]:
        """Return public images, in order."""
        return self.public.val_dataloader()


class FreshDraws(L.Callback):
    """Draw what each step draws (times, noise, dropout) from a generator that the operating system has just seeded.

    Args:
        noise: where the seeds come from.
    """

    def __init__(self, noise: SecureNoise) -> None:
        self.noise = noise

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed torch's global generators."""
        reseed(self.noise)


def reseed(noise: SecureNoise) -> None:
    """Seed torch's global generators from the operating system, so that nobody knows the draws that follow.

    Draws of single images are handed out by position in a sample, and one image more or less moves all later ones. While they are
    unknown and alike for every place, that changes nothing in distribution; a known seed would void the sensitivity.
    """
    torch.manual_seed(int(noise.bits(1)[0] >> np.uint64(1)))


def collate(items: list[Item]) -> dict[str, Tensor]:
    """Stack items; of none, nothing."""
    return {name: torch.stack([item[name] for item in items]) for name in items[0]} if items else {}
