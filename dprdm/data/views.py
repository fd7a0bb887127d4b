"""Two shifted copies of each image, and its caption: what a contrastive encoder trains on."""

import lightning as L
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from dprdm.data.readers.source import ImageSource, next_readable
from dprdm.training.loader import TrainingLoader

View = dict[str, torch.Tensor | str]


class Views(Dataset[View]):
    """Item i: `views` (2, 3, size, size) uint8, `caption`.

    Args:
        source: images and captions.
        image_size: side in pixels; the shorter side is resized to it and the centre is cut out.
        max_shift: largest shift in pixels; a shifted copy is also mirrored half the time. 0: two plain copies.
    """

    def __init__(self, source: ImageSource, image_size: int, max_shift: int) -> None:
        self.source = source
        self.resize = v2.Compose(
            [v2.PILToTensor(), v2.RGB(), v2.Resize(image_size, antialias=True), v2.CenterCrop(image_size)]
        )
        shifted = [v2.RandomCrop(image_size, padding=max_shift), v2.RandomHorizontalFlip()]
        self.shift = v2.Compose(shifted if max_shift else [v2.Identity()])

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> View:
        index, picture = next_readable(self.source, range(len(self.source)), index)
        image = self.resize(picture)
        return {"views": torch.stack([self.shift(image), self.shift(image)]), "caption": self.source.caption(index)}


class ViewsDataModule(L.LightningDataModule):
    """Serves `Views` of a public source for training, and plain copies of another for validation.

    Args:
        train: public images that the encoder learns from.
        validation: images that it is scored on; zero-shot, so their captions are the classes.
        image_size: side in pixels, the encoder's own.
        batch_size: images a step; each comes twice.
        max_shift: largest shift in pixels of a training copy.
        num_workers: processes that decode; 0 decodes in the training process.
    """

    def __init__(
        self,
        train: ImageSource,
        validation: ImageSource,
        image_size: int = 224,
        batch_size: int = 256,
        max_shift: int = 2,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.train, self.validation = train, validation
        self.image_size, self.batch_size = image_size, batch_size
        self.max_shift, self.num_workers = max_shift, num_workers

    def train_dataloader(self) -> DataLoader[View]:
        """Return training batches, shuffled, the last short one dropped: the contrast is over the batch."""
        return TrainingLoader(Views(self.train, self.image_size, self.max_shift), self.batch_size, self.num_workers)

    def val_dataloader(self) -> DataLoader[View]:
        """Return validation batches, in order, unshifted."""
        views, workers = Views(self.validation, self.image_size, 0), self.num_workers
        return DataLoader(views, self.batch_size, num_workers=workers, persistent_workers=workers > 0)
