"""Training an encoder of one's own: it learns, and what it exports is what `ClipEncoder` reads."""

import lightning as L
import numpy as np
import pytest
import torch

from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.data.views import ViewsDataModule
from dprdm.demo import DEMO
from dprdm.demo.fashion import FashionDemo
from dprdm.encoders.clip import ClipEncoder
from dprdm.encoders.training import ContrastiveEncoder

# Lightning 2.6 asks torch 2.14 something in a way that torch calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning", "ignore:.*does not have many workers")

MODEL = str(DEMO / "dprdm_demo_clip.json")


class Few(FashionDemo):
    """The first garments of a split."""

    def __len__(self):
        return 128


def trained(steps: int) -> ContrastiveEncoder:
    torch.manual_seed(0)
    encoder = ContrastiveEncoder(MODEL, prompts=CLASS_NAMES, warmup_steps=2)
    data = ViewsDataModule(Few("public"), Few("heldout"), image_size=28, batch_size=64)
    quiet = {
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "logger": False,
    }
    trainer = L.Trainer(max_steps=steps, accelerator="cpu", num_sanity_val_steps=0, **quiet)
    trainer.fit(encoder, data)
    encoder.measured = dict(trainer.callback_metrics)
    return encoder


@pytest.fixture(scope="module")
def encoder():
    return trained(6)


def test_a_step_lowers_the_loss(encoder):
    assert encoder.measured["train/loss"] < trained(1).measured["train/loss"]


def test_reports_both_losses_and_zero_shot_accuracy(encoder):
    captions, copies = encoder.measured["train/captions"], encoder.measured["train/copies"]
    assert encoder.measured["train/loss"] == pytest.approx((captions + copies).item(), rel=1e-5)
    assert 0 <= encoder.measured["val/zero_shot"] <= 1


def test_what_it_exports_is_what_is_read(encoder, tmp_path):
    """Half precision on the way, so within its rounding."""
    encoder.export(tmp_path / "encoder.safetensors")
    reader = ClipEncoder(str(tmp_path / "encoder.safetensors"))
    images = [FashionDemo("heldout").image(index) for index in range(8)]
    pixels = torch.from_numpy(np.stack([np.asarray(image.convert("RGB")) for image in images])).permute(0, 3, 1, 2)
    encoder.eval()
    with torch.inference_mode():
        ours, captions = encoder.encode_images(pixels).numpy(), encoder.encode_texts(CLASS_NAMES).numpy()
    assert np.allclose(reader.images(images), ours, atol=5e-3)
    assert np.allclose(reader.texts(CLASS_NAMES), captions, atol=5e-3)


def test_copies_may_be_left_out():
    assert ContrastiveEncoder(MODEL, copies_weight=0.0).hparams["copies_weight"] == 0
