"""The demo's judge is trained once, kept in a file, and a file with something else is refused."""

import logging

import pytest
import torch
from safetensors.torch import save_file

from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo import classifier as demo_classifier
from dprdm.demo.classifier import DemoClassifier
from dprdm.demo.fashion import load_split
from dprdm.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning", "ignore:.*does not have many workers")


def test_it_is_trained_once_and_kept(tmp_path, monkeypatch, caplog):
    def few(split):
        images, labels = load_split(split)
        return images[:1500], labels[:1500]

    monkeypatch.setattr(demo_classifier, "load_split", few)
    file = tmp_path / "judge.safetensors"
    with caplog.at_level(logging.WARNING):
        first = DemoClassifier(file, epochs=2)
    assert "about a minute" in caplog.text
    written = file.stat().st_mtime_ns
    again = DemoClassifier(file)
    assert file.stat().st_mtime_ns == written and again.weights_sha256 == first.weights_sha256
    images, labels = load_split("heldout")
    found = again.classify(torch.from_numpy(images[:200])[:, None])
    assert (found == torch.from_numpy(labels[:200])).double().mean() > 0.4 and again.class_names == CLASS_NAMES


def test_another_file_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="it holds something else"):
        DemoClassifier(tmp_path / "other.safetensors")
