"""What the generator trains on: public images, each with the embeddings of its public neighbours."""

from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.transforms import v2

from dprdm import check
from dprdm.data.index import build_store
from dprdm.data.loader import TrainingLoader
from dprdm.data.neighbours import neighbour_table
from dprdm.data.source import ImageSource
from dprdm.encoders.clip import ClipEncoder
from dprdm.retrieval.store import MANIFEST, PublicStore

Item = dict[str, torch.Tensor]


class ImagesWithNeighbours(Dataset[Item]):
    """Item i: `image` (channel, size, size) uint8, `neighbours` (k, dim) float32, unit rows.

    Args:
        source: public images.
        store: their embeddings.
        k: neighbours an image.
        spread: the k are drawn at random among the nearest `spread`, with `spread` itself drawn anew for each image
            between k and this. A private query searches a small random subsample, so its neighbours lie farther out than
            the nearest k of all; this shows the network such means. Equal to k: always the nearest k.
        image_size: side in pixels.
        channels: 1 or 3.
        mirror: mirror half of the images.
    """

    def __init__(
        self, source: ImageSource, store: PublicStore, k: int, spread: int, image_size: int, channels: int, mirror: bool
    ) -> None:
        self.source, self.store = source, store
        self.k, self.spread = k, spread
        self.table = neighbour_table(store, spread)
        self.positions = store.source_index()
        colours = v2.Grayscale(1) if channels == 1 else v2.RGB()
        flip = [v2.RandomHorizontalFlip()] if mirror else []
        self.transform = v2.Compose(
            [v2.PILToTensor(), colours, v2.Resize(image_size, antialias=True), v2.CenterCrop(image_size), *flip]
        )

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, row: int) -> Item:
        image = self.transform(self.source.image(int(self.positions[row])))
        ranks = self._ranks()
        return {
            "image": image,
            "neighbours": torch.from_numpy(self.store.vectors(self.table[row][ranks].astype(np.int64))),
        }

    def _ranks(self) -> np.ndarray:
        """k ranks: the first k of a random permutation of 0 .. m - 1, with log m uniform in [log k, log spread]."""
        if self.spread == self.k:
            return np.arange(self.k)
        uniform = torch.rand(()).item()  # noqa: TID251 - public
        reach = round(self.k * (self.spread / self.k) ** uniform)
        return torch.randperm(reach)[: self.k].numpy()


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
        num_workers: processes that decode; 0 decodes in the training process.
    """

    def __init__(
        self,
        source: ImageSource,
        encoder: ClipEncoder,
        store: Path,
        k: int = 4,
        spread: int | None = None,
        image_size: int = 256,
        channels: int = 3,
        mirror: bool = True,
        batch_size: int = 32,
        validation_size: int = 256,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.source, self.encoder, self.store_path = source, encoder, Path(store)
        self.k, self.spread = check.at_least(1, k=k), spread or k
        check.at_least(k, spread=self.spread)
        self.image_size, self.channels, self.mirror = image_size, channels, mirror
        self.batch_size, self.validation_size, self.num_workers = batch_size, validation_size, num_workers

    def prepare_data(self) -> None:
        """Embed the public images, once, on one process."""
        self.public_store()

    def public_store(self) -> PublicStore:
        """The embeddings of the public images; made if they are not there yet."""
        if not (self.store_path / MANIFEST).exists():
            from tqdm import tqdm

            with tqdm(total=len(self.source), desc="Embedding public images", unit="image") as progress:
                build_store(self.source, self.encoder, self.store_path, PublicStore, progress)
        store = PublicStore(self.store_path)
        store.require_encoder(self.encoder.identity)
        return store

    def setup(self, stage: str) -> None:
        """Open the store and set images aside for validation, the same ones every time."""
        if stage not in {"fit", "validate"}:
            return
        store = self.public_store()
        shape = (self.image_size, self.channels)
        train = ImagesWithNeighbours(self.source, store, self.k, self.spread, *shape, self.mirror)
        plain = ImagesWithNeighbours(self.source, store, self.k, self.k, *shape, False)
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0)).tolist()
        held = min(self.validation_size, len(order) // 10)
        self.train_images, self.validation_images = Subset(train, order[held:]), Subset(plain, order[:held])

    def train_dataloader(self) -> DataLoader[Item]:
        """Shuffled; a resumed training goes on where it was."""
        return TrainingLoader(self.train_images, self.batch_size, self.num_workers)

    def val_dataloader(self) -> DataLoader[Item]:
        """In order."""
        workers = self.num_workers
        return DataLoader(self.validation_images, self.batch_size, num_workers=workers, persistent_workers=workers > 0)
