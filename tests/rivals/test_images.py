import lightning as L
import numpy as np
import pytest
import torch
from scipy import stats

from dprdm.data.datamodule import NeighbourDataModule
from dprdm.data.index import build_store
from dprdm.data.neighbours import NoProgress
from dprdm.data.opening import open_public_store
from dprdm.data.readers.source import ImageSource
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import FashionDemo
from dprdm.errors import StoreError, UserError
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.store import PrivateStore
from dprdm.rivals.images import CaptionedImages, FreshDraws, PoissonBatches, PrivateImages, collate
from dprdm.rivals.plan import DpSgd
from tests.statistics import FALSE_ALARM, counts_fit

MECHANISM = DpSgd(1.0, 0.1, 3, 4)


class Some(ImageSource):
    """A few images of a split, with or without captions."""

    def __init__(self, split: str, start: int, count: int, captioned: bool = True) -> None:
        self.whole, self.start, self.count, self.captioned = FashionDemo(split), start, count, captioned

    def __len__(self) -> int:
        return self.count

    def image(self, index):
        return self.whole.image(self.start + index)

    def caption(self, index):
        return self.whole.caption(self.start + index) if self.captioned else ""

    def key(self, index):
        return self.whole.key(self.start + index)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Private images, their store, and a public data module."""
    tmp_path = tmp_path_factory.mktemp("images")
    encoder, source = DemoEncoder(), Some("private", 0, 30)
    build_store(source, encoder, tmp_path / "private", PrivateStore, NoProgress())
    public = NeighbourDataModule(
        Some("pool", 0, 60), encoder, tmp_path / "public", k=3, spread=8, image_size=28, channels=1, mirror=False
    )
    open_public_store(public.source, encoder, tmp_path / "public")
    return source, PrivateStore(tmp_path / "private"), public


def test_an_item_is_one_image_and_public_neighbours_of_its_caption(made) -> None:
    source, store, public = made
    item = CaptionedImages(source, store, public)[7]
    assert np.array_equal(item["image"][0].numpy(), np.asarray(source.image(7)))
    rows = public.public_store().vectors(np.arange(60))
    scores = rows @ public.encoder.texts([source.caption(7)])[0]
    nearest = rows[np.argsort(-scores)[:8]]
    assert item["neighbours"].shape == (3, 64)
    assert np.allclose(item["query"], public.encoder.texts([source.caption(7)])[0], atol=1e-6)
    assert all(any(np.array_equal(vector, row) for row in nearest) for vector in item["neighbours"].numpy())


def test_without_a_caption_the_images_own_vector_asks(made) -> None:
    _, store, public = made
    item = CaptionedImages(Some("private", 0, 30, captioned=False), store, public)[7]
    assert item["query"].shape == (64,) and not item["query"].any()
    rows = public.public_store().vectors(np.arange(60))
    nearest = rows[np.argsort(-(rows @ store.vectors(np.array([7]))[0]))[:8]]
    assert all(any(np.array_equal(vector, row) for row in nearest) for vector in item["neighbours"].numpy())


def test_other_images_than_the_stores_are_refused(made) -> None:
    _, store, public = made
    for other in (Some("private", 1, 30), Some("private", 0, 29)):
        with pytest.raises(StoreError, match="made of the images that are there now"):
            PrivateImages(other, store, public, MECHANISM, SecureNoise())


def test_samples_are_poisson() -> None:
    """Sizes are binomial, each row is in as often as any other, and a seed repeats nothing."""
    samples = []
    for _ in range(100):
        L.seed_everything(1, verbose=False)
        samples += list(PoissonBatches(100, 0.1, SecureNoise()))
    assert len(samples) == 1000
    sizes = np.bincount([len(sample) for sample in samples], minlength=60)[:60]
    assert counts_fit(sizes, 1000 * stats.binom.pmf(np.arange(60), 100, 0.1))
    assert not counts_fit(sizes, 1000 * stats.binom.pmf(np.arange(60), 100, 0.12))
    times = np.bincount(np.concatenate(samples), minlength=100)
    assert stats.chi2.sf(np.sum((times - 100) ** 2 / 90), 100) > FALSE_ALARM


def test_serves_samples_of_any_size_and_public_images_for_validation(made) -> None:
    source, store, public = made
    data = PrivateImages(source, store, public, MECHANISM, SecureNoise())
    data.prepare_data()
    data.setup("fit")
    sizes = {len(batch["image"]) if batch else 0 for _ in range(4) for batch in data.train_dataloader()}
    assert len(sizes) > 2
    assert collate([]) == {}
    validated = torch.cat([batch["image"] for batch in data.val_dataloader()])
    assert len(validated) == 6
    pool = {public.source.image(index).tobytes() for index in range(60)}
    assert all(image.numpy().tobytes() in pool for image in validated)


def test_hazard_01_draws_are_fresh(made) -> None:
    """Known draws would be handed to other images where one comes or goes, and move the sum by more than the sensitivity."""
    source, store, public = made
    data = PrivateImages(source, store, public, DpSgd(1.0, 1.0, 1, 30), SecureNoise())
    data.setup("fit")
    seen = []
    for _ in range(2):
        torch.manual_seed(0)
        seen.append(next(iter(data.train_dataloader()))["neighbours"])
    assert seen[0].shape == seen[1].shape and not torch.equal(*seen)
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        FreshDraws(SecureNoise()).on_train_batch_start(
            L.Trainer(logger=False, barebones=True), L.LightningModule(), {}, 0
        )
        drawn.append(torch.rand(4))
    assert not torch.equal(*drawn)


class Owned(Some):
    """Images of persons: the first three belong to one."""

    group_column = "person"

    def group(self, index):
        return f"person {max(0, index - 2)}"


def test_hazard_18_a_store_of_persons_is_not_trained_on(made, tmp_path) -> None:
    """Neither with rows that belong to nobody, nor with one row for each person."""
    _, store, public = made
    source = Owned("private", 0, 30)
    build_store(source, public.encoder, tmp_path / "s", PrivateStore, NoProgress(), max_per_unit=1)
    persons = PrivateStore(tmp_path / "s")
    assert persons.max_per_unit == 1 and len(persons) == persons.num_units == 28
    for images in (source, Some("private", 0, 30)):
        with pytest.raises(UserError, match="it is a person, and private training protects single images only"):
            PrivateImages(images, persons, public, MECHANISM, SecureNoise())
    with pytest.raises(UserError, match="naming persons would have no effect"):
        PrivateImages(source, store, public, MECHANISM, SecureNoise())
