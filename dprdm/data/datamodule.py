"""What the generator trains on: public images, each with the embeddings of its public neighbours."""

from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.transforms import v2

from dprdm import check
from dprdm.data.captions import (
    ByCaption,
    CaptionVectors,
    caption_vectors,
    expected_centres,
    nothing,
    own_vectors,
    read_knowledge,
)
from dprdm.data.neighbours import neighbour_table
from dprdm.data.opening import open_public_store
from dprdm.data.readers.source import ImageSource, next_readable
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.public.knowledge import PublicKnowledge
from dprdm.public.prior import NAME, PublicPrior, load_or_fit_prior
from dprdm.retrieval.store import PublicStore
from dprdm.training.loader import TrainingLoader

Item = dict[str, torch.Tensor]


class ImagesWithNeighbours(Dataset[Item]):
    """Item i: `image` (channel, size, size) uint8, `neighbours` (k, dim) float32, unit rows, `centre` (dim,) float32: where
    neighbours of its caption are expected to lie, `query` (dim,) float32: its caption's vector; zero where they are not served.

    Args:
        source: public images.
        store: their embeddings.
        centres: of their captions.
        queries: their captions' vectors.
        k: neighbours an image.
        spread: the k are drawn at random among the nearest `spread`, with `spread` itself drawn anew for each image
            between k and this. A private query searches a small random subsample, so its neighbours lie farther out than
            the nearest k of all; this shows the network such means. Equal to k: always the nearest k.
        image_size: side in pixels.
        channels: 1 or 3.
        mirror: mirror half of the images.
    """

    def __init__(
        self,
        source: ImageSource,
        store: PublicStore,
        centres: ByCaption,
        queries: ByCaption,
        k: int,
        spread: int,
        image_size: int,
        channels: int,
        mirror: bool,
    ) -> None:
        self.source, self.store, self.centres, self.queries = source, store, centres, queries
        self.k, self.spread = k, spread
        self.table = neighbour_table(store, spread)
        self.positions = store.source_index()
        self.transform = to_pixels(image_size, channels, mirror)

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, row: int) -> Item:
        row, picture = next_readable(self.source, self.positions, row)
        image = self.transform(picture)
        ranks = draw_ranks(self.k, self.spread)
        return {
            "image": image,
            "neighbours": torch.from_numpy(self.store.vectors(self.table[row][ranks].astype(np.int64))),
            "centre": torch.from_numpy(self.centres.of_row(row)),
            "query": torch.from_numpy(self.queries.of_row(row)),
        }


def draw_ranks(k: int, spread: int) -> np.ndarray:
    """Return k ranks: the first k of a random permutation of 0 .. m - 1, with log m uniform in [log k, log spread]."""
    if spread == k:
        return np.arange(k)
    uniform = torch.rand(()).item()  # noqa: TID251 - public
    reach = round(k * (spread / k) ** uniform)
    return torch.randperm(reach)[:k].numpy()


def to_pixels(image_size: int, channels: int, mirror: bool) -> v2.Compose:
    """Return the transform of a picture to uint8 (channel, image_size, image_size).

    It cuts out the middle square, and mirrors half of the time if `mirror`.
    """
    colours = v2.Grayscale(1) if channels == 1 else v2.RGB()
    flip = [v2.RandomHorizontalFlip()] if mirror else []
    return v2.Compose(
        [v2.PILToTensor(), colours, v2.Resize(image_size, antialias=True), v2.CenterCrop(image_size), *flip]
    )


class NeighbourDataModule(L.LightningDataModule):
    """Serves public images with their public neighbours. The private collection is not an argument of this class.

    Args:
        source: public images.
        encoder: embeds them, and the prompts of `predict`.
        store: folder of their embeddings; made on first use.
        k: neighbours an image.
        spread: see `ImagesWithNeighbours`. None: k.
        image_size: side in pixels.
        channels: 1 or 3.
        mirror: mirror half of the training images.
        batch_size: images a step.
        validation_size: images set aside for the validation loss.
        serves_centres: serve with each image where neighbours of its caption are expected; `denoised_share` needs it.
        serves_queries: serve with each image the vector of its caption; a network that reads queries needs it.
        num_workers: processes that decode; 0 decodes in the training process.
    """

    def __init__(
        self,
        source: ImageSource,
        encoder: Encoder,
        store: Path,
        k: int = 4,
        spread: int | None = None,
        image_size: int = 256,
        channels: int = 3,
        mirror: bool = True,
        batch_size: int = 32,
        validation_size: int = 256,
        num_workers: int = 0,
        serves_centres: bool = False,
        serves_queries: bool = False,
    ) -> None:
        super().__init__()
        self._store: PublicStore | None = None
        self.source, self.encoder, self.store_path = source, encoder, Path(store)
        self.k, self.spread = check.at_least(1, k=k), spread or k
        check.at_least(k, spread=self.spread)
        self.image_size, self.channels, self.mirror = image_size, channels, mirror
        self.batch_size, self.validation_size, self.num_workers = batch_size, validation_size, num_workers
        self.serves_centres, self.serves_queries = serves_centres, serves_queries

    def prepare_data(self) -> None:
        """Embed the public images and find their neighbours, once, on one process."""
        neighbour_table(self.public_store(), self.spread)

    def public_store(self) -> PublicStore:
        """Return the embeddings of the public images; made if they are not there yet, and checked once."""
        if self._store is None:
            self._store = open_public_store(self.source, self.encoder, self.store_path)
        return self._store

    def captions(self) -> CaptionVectors:
        """Return the vectors of the public images' captions; made if they are not there yet."""
        return caption_vectors(self.source, self.encoder, self.public_store())

    def captioned_store(self) -> PublicStore:
        """Return the embeddings of the public images, those of their captions beside them; made if they are not there yet."""
        self.captions()
        return self.public_store()

    def knowledge(self) -> PublicKnowledge:
        """Return what mechanisms and denoisers may learn from."""
        return read_knowledge(self.captioned_store())

    def _centres(self, store: PublicStore) -> ByCaption:
        return (
            expected_centres(self.captions(), self.prior()) if self.serves_centres else nothing(len(store), store.dim)
        )

    def _queries(self, store: PublicStore) -> ByCaption:
        if not self.serves_queries:
            return nothing(len(store), store.dim)
        if not len(self.captions().queries):
            raise UserError(
                "Expected public images with captions, which serves_queries needs: a network learns to read a prompt from them. "
                "These have none; set --data.init_args.serves_queries=false and the network's reads_query to false."
            )
        return own_vectors(self.captions())

    def prior(self) -> PublicPrior:
        """Return where the public images' neighbour means lie; fitted if that was not done yet."""
        return load_or_fit_prior(self.store_path / NAME, self.knowledge)

    def setup(self, stage: str) -> None:
        """Open the store and set images aside for validation, the same ones every time."""
        if stage not in {"fit", "validate"}:
            return
        store = self.public_store()
        served = (self.source, store, self._centres(store), self._queries(store))
        shape = (self.image_size, self.channels)
        train = ImagesWithNeighbours(*served, self.k, self.spread, *shape, self.mirror)
        plain = ImagesWithNeighbours(*served, self.k, self.k, *shape, False)
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0)).tolist()
        held = min(self.validation_size, len(order) // 10)
        self.train_images, self.validation_images = Subset(train, order[held:]), Subset(plain, order[:held])

    def train_dataloader(self) -> DataLoader[Item]:
        """Return training batches, shuffled; a resumed training continues where it was."""
        return TrainingLoader(self.train_images, self.batch_size, self.num_workers)

    def val_dataloader(self) -> DataLoader[Item]:
        """Return validation batches, in order."""
        workers = self.num_workers
        return DataLoader(self.validation_images, self.batch_size, num_workers=workers, persistent_workers=workers > 0)
