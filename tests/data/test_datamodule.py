"""What the generator trains on: images as asked for, neighbours that are unit rows near their image."""

import numpy as np
import pytest
import torch

from dprdm.data.datamodule import ImagesWithNeighbours, NeighbourDataModule, draw_ranks
from dprdm.errors import StoreError, UserError
from dprdm.retrieval.store import MANIFEST
from tests.data.pictures import Pictures, demo_encoder


@pytest.fixture(scope="module")
def encoder():
    return demo_encoder()


def module(path, encoder, source=None, **options):
    return NeighbourDataModule(source or Pictures(40), encoder, path, **{"image_size": 14, "channels": 1, **options})


def test_serves_images_and_neighbours_of_the_shape_asked_for(tmp_path, encoder):
    data = module(tmp_path, encoder, k=3, batch_size=8, channels=3)
    data.prepare_data()
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].shape == (8, 3, 14, 14) and batch["image"].dtype == torch.uint8
    assert batch["neighbours"].shape == (8, 3, 64) and batch["neighbours"].dtype == torch.float32
    assert torch.allclose(batch["neighbours"].norm(dim=2), torch.ones(8, 3), atol=1e-5)


def test_neighbours_are_those_of_the_image_though_others_were_unreadable(tmp_path, encoder, caplog):
    source = Pictures(20, broken=(0, 5))
    data = module(tmp_path, encoder, source, k=2)
    store = data.public_store()
    assert [record.message for record in caplog.records] == [f"Left out, cannot be read: {n}.png" for n in (0, 5)]
    images = ImagesWithNeighbours(source, store, data._centres(store), data._queries(store), 2, 2, 28, 1, False)
    assert len(images) == 18
    for row, position in enumerate(store.source_index().tolist()):
        item = images[row]
        assert np.array_equal(item["image"][0].numpy(), source.pixels[position])
        scores = store.vectors(np.arange(18)) @ store.vectors(np.array([row]))[0]
        nearest = np.sort(np.delete(scores, row))[::-1][:2]
        assert np.allclose(item["neighbours"].numpy() @ store.vectors(np.array([row]))[0], nearest, atol=1e-5)


def test_each_image_comes_with_the_centre_of_its_caption_where_asked_for(tmp_path, encoder):
    data = module(tmp_path, encoder, Pictures(12, broken=(3,)), k=2, batch_size=2, serves_centres=True)
    data.setup("validate")
    (position,), expected = data.validation_images.indices, data.prior().centre(data.captions().queries)
    assert np.allclose(data.validation_images[0]["centre"], expected[position], atol=1e-6)
    plain = module(tmp_path, encoder, Pictures(12, broken=(3,)), k=2)
    plain.setup("validate")
    assert not plain.validation_images[0]["centre"].any()


def test_each_image_comes_with_the_vector_of_its_caption_where_asked_for(tmp_path, encoder):
    data = module(tmp_path, encoder, Pictures(12), k=2, serves_queries=True)
    data.setup("validate")
    (position,) = data.validation_images.indices
    expected = encoder.texts([data.source.caption(position)])[0]
    assert np.allclose(data.validation_images[0]["query"], expected, atol=1e-6) and expected.any()
    plain = module(tmp_path, encoder, Pictures(12), k=2)
    plain.setup("validate")
    assert not plain.validation_images[0]["query"].any()


def test_an_image_without_a_caption_has_no_query(tmp_path, encoder):
    source = Pictures(12)
    source.caption = lambda index: "" if index % 2 else f"garment {index}"
    queries = (data := module(tmp_path, encoder, source, k=2, serves_queries=True))._queries(data.public_store())
    assert [bool(queries.of_row(row).any()) for row in range(4)] == [True, False, True, False]


def test_queries_of_images_without_any_caption_are_refused(tmp_path, encoder):
    source = Pictures(12)
    source.caption = lambda index: ""
    with pytest.raises(UserError, match="Expected public images with captions, which serves_queries needs"):
        module(tmp_path, encoder, source, k=2, serves_queries=True).setup("fit")


def test_what_may_be_learnt_from_are_the_rows_and_their_captions(tmp_path, encoder):
    known = module(tmp_path, encoder, Pictures(30)).knowledge()
    assert known.rows.shape == known.queries.shape == (30, 64)
    assert known.folder == tmp_path and known.caption_of.tolist() == list(range(30))


def test_an_image_that_has_become_unreadable_is_passed_over(tmp_path, encoder):
    source = Pictures(20)
    data = module(tmp_path, encoder, source)
    store = data.public_store()
    images = ImagesWithNeighbours(source, store, data._centres(store), data._queries(store), 2, 2, 28, 1, False)
    source.broken = (7, 8)
    passed, next_one = images[7], images[9]
    assert np.array_equal(passed["image"][0].numpy(), source.pixels[9])
    assert torch.equal(passed["neighbours"], next_one["neighbours"])


@pytest.mark.parametrize("other", [Pictures(41), Pictures(40, keys=[f"{n}.jpg" for n in range(40)])])
def test_a_store_of_other_images_is_refused(tmp_path, encoder, other):
    module(tmp_path, encoder).public_store()
    with pytest.raises(StoreError, match="made of the images that are there now"):
        module(tmp_path, encoder, other).setup("fit")


def test_a_spread_reaches_farther_out_but_not_past_its_end():
    torch.manual_seed(0)
    ranks = [draw_ranks(3, 20) for _ in range(300)]
    assert all(len(set(drawn.tolist())) == 3 for drawn in ranks)
    reached = {int(drawn.max()) for drawn in ranks}
    assert reached >= set(range(2, 18)) and max(reached) <= 19


def test_validation_images_are_set_aside_always_the_same(tmp_path, encoder):
    first, second = module(tmp_path, encoder), module(tmp_path, encoder)
    for data in (first, second):
        torch.seed()
        data.setup("fit")
    assert list(first.validation_images.indices) == list(second.validation_images.indices)
    assert len(first.validation_images) == 4
    assert not set(first.validation_images.indices) & set(first.train_images.indices)
    held = [item["image"] for item in first.validation_images]
    assert torch.equal(next(iter(second.val_dataloader()))["image"], torch.stack(held))


def test_validation_images_are_not_mirrored(tmp_path, encoder):
    data = module(tmp_path, encoder, image_size=28, mirror=True)
    data.setup("validate")
    for _ in range(3):
        for item, index in zip(data.validation_images, data.validation_images.indices, strict=True):
            assert np.array_equal(item["image"][0].numpy(), data.source.pixels[index])


def test_training_images_are_mirrored_where_asked_for(tmp_path, encoder):
    data = module(tmp_path, encoder)
    source, store = data.source, data.public_store()
    torch.manual_seed(0)
    for mirror in (False, True):
        images = ImagesWithNeighbours(source, store, data._centres(store), data._queries(store), 4, 4, 28, 1, mirror)
        same = [np.array_equal(images[0]["image"][0].numpy(), source.pixels[0]) for _ in range(40)]
        assert all(same) != mirror and any(same)


def test_predict_needs_no_neighbours(tmp_path, encoder):
    module(tmp_path, encoder).setup("predict")
    assert not (tmp_path / MANIFEST).exists()


def test_the_store_is_made_once_and_asked_for_its_encoder(tmp_path, encoder):
    fingerprint = module(tmp_path, encoder).public_store().fingerprint
    assert module(tmp_path, encoder).public_store().fingerprint == fingerprint
    other = demo_encoder()
    other.identity = {**other.identity, "weights_sha256": "0" * 64}
    with pytest.raises(StoreError, match=r"differs in weights_sha256"):
        module(tmp_path, other).public_store()


def test_a_spread_below_k_is_refused(tmp_path, encoder):
    with pytest.raises(UserError, match=r"Expected spread=2"):
        module(tmp_path, encoder, k=3, spread=2)
    with pytest.raises(UserError, match=r"Expected k=0"):
        module(tmp_path, encoder, k=0)
