"""`index` from Python: objects in, an opened store out."""

from pathlib import Path

import numpy as np
import pytest

from dprdm import registry
from dprdm.data.readers.folder import ImageFolder
from dprdm.demo.encoder import DemoEncoder
from dprdm.errors import StoreError, UnknownPlugin, UserError
from dprdm.retrieval.store import PrivateStore, PublicStore
from dprdm.workflows.encoder_names import load_encoder
from dprdm.workflows.index import check_store, index
from tests.data.pictures import Pictures
from tests.fakes import DEMO_CLIP


@pytest.fixture(scope="module")
def encoder() -> DemoEncoder:
    return DemoEncoder()


def test_a_folder_and_a_reader_make_the_same_rows(public_images: Path, tmp_path: Path, encoder: DemoEncoder) -> None:
    by_path = index(str(public_images), encoder="demo", out=str(tmp_path / "a"), shows_progress=False)
    by_reader = index(ImageFolder(public_images), encoder=encoder, out=tmp_path / "b", kind="public")
    assert isinstance(by_path, PrivateStore) and isinstance(by_reader, PublicStore)
    rows = np.arange(240)
    assert np.array_equal(by_path.vectors(rows), by_reader.vectors(rows))
    assert by_path.encoder_identity == encoder.identity and by_path.manifest.encoder["name"] == "demo"


def test_persons_are_the_units(tmp_path: Path, encoder: DemoEncoder) -> None:
    people = Pictures(4, groups=["ann", "ann", "ann", "bob"])
    people.group_column = "person"
    store = index(people, encoder=encoder, out=tmp_path / "s", max_per_group=2)
    assert (store.num_units, store.max_per_unit, len(store)) == (2, 2, 3)


def test_options_of_a_folder_are_refused_for_a_reader(tmp_path: Path, encoder: DemoEncoder) -> None:
    with pytest.raises(UserError, match="with a folder of images"):
        index(Pictures(2), captions="table.csv", encoder=encoder, out=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_nothing_is_made_without_the_encoder(public_images: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownPlugin, match=r"no encoder is called 'dmo'.*Did you mean 'demo'"):
        index(public_images, encoder="dmo", out=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_finished_store_is_checked(tmp_path: Path, encoder: DemoEncoder) -> None:
    for kind in ("private", "public"):
        index(Pictures(3), encoder=encoder, out=tmp_path / kind, kind=kind)
        assert check_store(tmp_path / kind).kind == kind
    file = tmp_path / "public/00000.vectors.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="checksum differs"):
        check_store(tmp_path / "public")


@pytest.mark.parametrize(
    ("name", "path", "settings"),
    [
        ("demo", "dprdm.demo.encoder.DemoEncoder", {}),
        ("dprdm.demo.encoder.DemoEncoder", "dprdm.demo.encoder.DemoEncoder", {}),
        ("ViT-L-14/openai", "dprdm.encoders.clip.ClipEncoder", {"model": "ViT-L-14/openai"}),
        (DEMO_CLIP, "dprdm.encoders.clip.ClipEncoder", {"model": DEMO_CLIP}),
    ],
)
def test_one_name_describes_an_encoder(name: str, path: str, settings: dict[str, str]) -> None:
    assert registry.describe("encoder", name) == {"class_path": path, "init_args": settings}


def test_a_name_loads_what_it_describes(encoder: DemoEncoder) -> None:
    assert load_encoder(DEMO_CLIP).identity == load_encoder("demo").identity == encoder.identity


def test_a_missing_file_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(UserError, match="there is no such file"):
        registry.describe("encoder", "ViT-L-14/gone.pt")
