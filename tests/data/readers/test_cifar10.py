"""CIFAR-10 in the publisher's batches, small, with the checksums that torchvision asks for."""

import pickle
from urllib.error import URLError

import numpy as np
import pytest
from torchvision.datasets import cifar

from dprdm.data.readers.cifar10 import CLASS_NAMES, Cifar10
from dprdm.errors import UserError
from tests.data.readers.archives import write_cifar10


@pytest.fixture
def root(tmp_path, monkeypatch):
    return write_cifar10(tmp_path, monkeypatch)


@pytest.mark.parametrize(("split", "count", "first"), [("train", 20, "data_batch_1"), ("test", 4, "test_batch")])
def test_pictures_and_classes(root, split, count, first):
    source = Cifar10(root, split)
    content = pickle.loads((root / "cifar-10-batches-py" / first).read_bytes())
    assert len(source) == count and source.key(2) == f"{split}/00002" and source.prompts() == CLASS_NAMES
    assert source.caption(2) == CLASS_NAMES[content["labels"][2]]
    picture = source.image(2)
    assert picture.mode == "RGB" and picture.size == (32, 32)
    assert np.array_equal(np.asarray(picture), content["data"][2].reshape(3, 32, 32).transpose(1, 2, 0))


def test_a_file_whose_checksum_differs_is_not_unpickled(root):
    (root / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps({"data": 0}))
    with pytest.raises(UserError, match=r"Expected CIFAR-10, whole, in .*set is_downloaded"):
        Cifar10(root)


def test_nothing_is_downloaded_unless_asked_for(tmp_path, monkeypatch):
    asked = []

    def no_network(*arguments, **_):
        asked.append(arguments)
        raise URLError("no network")

    monkeypatch.setattr(cifar, "download_and_extract_archive", no_network)
    with pytest.raises(UserError, match="Unpack cifar-10-python"):
        Cifar10(tmp_path)
    assert not asked
    with pytest.raises(UserError, match=r"Downloading it failed .*no network"):
        Cifar10(tmp_path, is_downloaded=True)
    assert len(asked) == 1
