"""Fashion-MNIST in full: found where torchvision or Debian puts it, and files cut short are named."""

from pathlib import Path

import numpy as np
import pytest

from dprdm.cli import main
from dprdm.data.readers import fashion_mnist
from dprdm.data.readers.fashion_mnist import CLASS_NAMES, FashionMnist, read_idx
from dprdm.errors import UserError
from tests.cli.front_door import refusal
from tests.data.readers.idx import write_fashion, write_idx


@pytest.mark.parametrize("layout", ["", "raw", "FashionMNIST/raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_every_layout_is_found(tmp_path, layout, suffix):
    images, labels = write_fashion(tmp_path / layout, suffix=suffix)
    source = FashionMnist("train", tmp_path)
    assert len(source) == 100 and source.key(7) == "train/00007" and source.prompts() == CLASS_NAMES
    assert np.array_equal(np.asarray(source.image(7)), images[7]) and source.caption(7) == CLASS_NAMES[labels[7]]
    assert np.array_equal(np.asarray(FashionMnist("test", tmp_path).image(7)), 255 - images[7])


@pytest.mark.parametrize("name", ["a-idx3-ubyte.gz", "a-idx3-ubyte"])
def test_an_idx_file_is_read_back_as_written(tmp_path, name):
    array = np.arange(24).reshape(2, 3, 4)
    write_idx(tmp_path / name, array)
    assert np.array_equal(read_idx(tmp_path / name), array)


@pytest.mark.parametrize("cut", [0, 3, 9, -5])
@pytest.mark.parametrize("name", ["a.gz", "a"])
def test_a_file_cut_short_is_named(tmp_path, name, cut):
    write_idx(tmp_path / name, np.arange(24).reshape(2, 3, 4))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:cut])
    with pytest.raises(UserError, match=rf"Expected an IDX file in .*{name}"):
        read_idx(tmp_path / name)


def test_by_default_data_comes_before_the_installed_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fashion_mnist, "ROOTS", (Path("data"), tmp_path / "installed"))
    write_fashion(tmp_path / "installed", count=20)
    assert len(FashionMnist("test")) == 20
    write_fashion(tmp_path / "data" / "FashionMNIST" / "raw", count=30)
    assert len(FashionMnist("test")) == 30


def test_labels_of_another_set_are_refused(tmp_path):
    write_fashion(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.zeros(99))
    with pytest.raises(UserError, match="Expected one label an image"):
        FashionMnist("train", tmp_path)


def test_the_config_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fashion_mnist, "ROOTS", (Path("data"),))
    assert "apt-get install dataset-fashion-mnist" in refusal(capsys, ["fit", "--config", "fashion.yaml"])


def test_the_config_trains(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_fashion(tmp_path / "data", count=400)
    data = ("--data.init_args.k", "3", "--data.init_args.spread", "6", "--data.init_args.batch_size", "8")
    few = ("--trainer.max_steps", "2", "--trainer.val_check_interval", "1", "--trainer.limit_val_batches", "1")
    assert main(["fit", "--config", "fashion.yaml", *data, *few]) == 0
    assert Path("runs/fashion/generator.safetensors").is_file() and Path("runs/fashion/last.ckpt").is_file()
    assert "val/loss" in Path("runs/fashion/logs/version_0/metrics.csv").read_text()
