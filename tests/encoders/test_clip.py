"""The encoder: unit vectors, one at a time or together, and an identity that changes with whatever changes them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo import DEMO
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import FashionDemo
from dprdm.encoders.clip import ClipEncoder, described_model, resolve_name
from dprdm.errors import UserError

CONFIG = str(DEMO / "dprdm_demo_clip.json")


@pytest.fixture(scope="module")
def encoder():
    return DemoEncoder()


@pytest.fixture(scope="module")
def garments():
    source = FashionDemo("heldout")
    return [source.image(index) for index in range(300)], source.labels[:300]


def test_images_and_captions_are_unit_vectors_in_one_space(encoder, garments):
    images, texts = encoder.images(garments[0][:20]), encoder.texts(CLASS_NAMES)
    assert images.dtype == texts.dtype == np.float32
    assert images.shape == (20, encoder.dim) and texts.shape == (10, encoder.dim)
    for vectors in (images, texts):
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_caption_finds_its_images(encoder, garments):
    images, labels = garments
    nearest = (encoder.images(images) @ encoder.texts(CLASS_NAMES).T).argmax(1)
    assert (nearest == labels).mean() > 0.7


def test_dark_and_bright_garments_of_one_class_lie_apart(encoder, garments):
    """What the demo rests on: the space knows how dark a garment is, though no caption says so."""
    image = garments[0][0]
    bright, dark = encoder.images([image, image.point(lambda value: value // 2)])
    assert bright @ dark < 0.99


@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_a_vector_does_not_depend_on_its_batch(encoder, garments, batch_size):
    other = DemoEncoder(batch_size=batch_size)
    assert np.allclose(other.images(garments[0][:20]), encoder.images(garments[0][:20]), atol=1e-5)
    assert np.allclose(other.texts(CLASS_NAMES), encoder.texts(CLASS_NAMES), atol=1e-5)


@pytest.mark.parametrize("gone", [0, 17, 38])
def test_hazard_07_vectors_are_per_image(encoder, garments, gone):
    """One image less moves others to other places, and leaves the last batch shorter: not a bit of theirs changes."""
    images = garments[0][:39]
    rest = images[:gone] + images[gone + 1 :]
    assert np.array_equal(encoder.images(rest), np.delete(encoder.images(images), gone, axis=0))


@pytest.mark.parametrize("count", [1, 4, 6, 8, 11])
def test_hazard_07_the_network_always_sees_as_many_images(garments, monkeypatch, count):
    """A network that rounds by the size of its batch: without blank images beside the last, their vectors would differ."""
    encoder, seen = DemoEncoder(batch_size=4), []
    plain = encoder.model.encode_image

    def rounding(pixels, normalize):
        seen.append(len(pixels))
        return plain(pixels, normalize=normalize) * (1 + 0.1 * len(pixels))

    expected = DemoEncoder(batch_size=4).images(garments[0][:count])
    monkeypatch.setattr(encoder.model, "encode_image", rounding)
    assert np.allclose(encoder.images(garments[0][:count]), 1.4 * expected, atol=1e-5)
    assert set(seen) == {4}


def test_images_are_taken_one_after_another(encoder, garments):
    """A collection is decoded as it is embedded, not before."""
    assert np.array_equal(encoder.images(iter(garments[0][:40])), encoder.images(garments[0][:40]))
    assert encoder.images(iter([])).shape == encoder.texts([]).shape == (0, encoder.dim)


def test_grey_and_its_rgb_copy_are_one(encoder, garments):
    grey = garments[0][0]
    assert np.array_equal(encoder.images([grey]), encoder.images([grey.convert("RGB")]))


def test_pictures_of_any_size_are_taken(encoder):
    pictures = [Image.new("RGB", size, "red") for size in ((1, 1), (500, 20), (28, 28))]
    assert np.isfinite(encoder.images(pictures)).all()


def test_nothing_gives_nothing(encoder):
    assert encoder.images([]).shape == (0, encoder.dim) and encoder.texts([]).shape == (0, encoder.dim)


def test_identity_is_the_same_every_time(encoder):
    assert DemoEncoder().identity == encoder.identity


def test_identity_changes_with_one_weight(encoder, tmp_path):
    state = load_file(DEMO / "encoder.safetensors")
    name = next(name for name, tensor in state.items() if tensor.ndim == 2)
    state[name][0, 0] += 1
    save_file(state, tmp_path / "other.safetensors")
    other = ClipEncoder(CONFIG, str(tmp_path / "other.safetensors")).identity
    assert [key for key in other if other[key] != encoder.identity[key]] == ["weights_sha256"]


def test_identity_changes_with_the_preprocessing(encoder, tmp_path):
    config = json.loads((DEMO / "dprdm_demo_clip.json").read_text())
    config["vision_cfg"]["image_size"] = 28
    (tmp_path / "other_clip.json").write_text(json.dumps(config))
    path = str(tmp_path / "other_clip.json")
    other = ClipEncoder(path, str(DEMO / "encoder.safetensors"))
    assert other.identity["weights_sha256"] == encoder.identity["weights_sha256"]
    assert other.identity["preprocess_sha256"] == encoder.identity["preprocess_sha256"]
    assert other.identity["model"] == "other_clip"
    other.model.visual.preprocess_cfg["mean"] = (0.0, 0.0, 0.0)
    from dprdm.encoders.clip import _hash_json

    assert _hash_json(other.model.visual.preprocess_cfg) != encoder.identity["preprocess_sha256"]


def test_unknown_models_tags_and_files_are_named():
    with pytest.raises(UserError, match=r"Expected a model that open_clip knows, not 'ViT-Z'"):
        ClipEncoder("ViT-Z", "openai")
    with pytest.raises(
        UserError, match=r"Expected pretrained=nowhere to be a file or a tag of ViT-B-32; its tags are .*openai"
    ):
        ClipEncoder("ViT-B-32", "nowhere")
    with pytest.raises(UserError, match=r"Expected weights for the encoder ViT-B-32"):
        ClipEncoder("ViT-B-32")
    with pytest.raises(UserError, match=r"Expected an open_clip model config at gone\.json"):
        ClipEncoder("gone.json", "x")


@pytest.mark.parametrize("content", ["garbage", "other network"])
def test_weights_that_are_none_are_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    if content == "garbage":
        path.write_bytes(b"no weights")
    else:
        save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"weights\.safetensors"):
        ClipEncoder(CONFIG, str(path))


def test_a_tag_trained_with_quickgelu_belongs_to_the_model_that_has_it():
    assert resolve_name("ViT-L-14/openai") == ("ViT-L-14-quickgelu", "openai")
    assert resolve_name("ViT-L-14-quickgelu/openai") == ("ViT-L-14-quickgelu", "openai")


def test_a_config_and_its_weights_are_one_name(encoder):
    assert ClipEncoder(f"{CONFIG}/{DEMO / 'encoder.safetensors'}").identity == encoder.identity


def test_files_of_the_package_are_found_from_anywhere(encoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assets = "dprdm/demo/assets"
    assert ClipEncoder(f"{assets}/dprdm_demo_clip.json/{assets}/encoder.safetensors").identity == encoder.identity


def test_weights_that_name_their_model_are_enough(encoder, tmp_path):
    path, name = tmp_path / "weights.safetensors", encoder.identity["model"]
    save_file(load_file(DEMO / "encoder.safetensors"), path, metadata=described_model(name))
    assert ClipEncoder(str(path)).identity == encoder.identity


def test_a_model_that_only_its_weights_describe_is_made_known(encoder, tmp_path):
    path, described = tmp_path / "weights.safetensors", described_model(encoder.identity["model"])
    metadata = {**described, "model": "known_by_its_weights"}
    save_file(load_file(DEMO / "encoder.safetensors"), path, metadata=metadata)
    assert ClipEncoder(str(path)).identity == {**encoder.identity, "model": "known_by_its_weights"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "ViT-B-32",
            r"Expected weights for the encoder ViT-B-32\. Name .*/TAG, with one of openai, .*or ViT-B-32/FILE",
        ),
        ("ViT-L14", r"Expected a model that open_clip knows, not 'ViT-L14'\. Did you mean 'ViT-L-14'"),
        (CONFIG, r"Expected weights for the encoder .*/FILE\.$"),
    ],
)
def test_a_name_without_weights_is_refused(name, sentence):
    with pytest.raises(UserError, match=sentence):
        ClipEncoder(name)


def test_weights_that_name_no_model_are_refused_with_what_to_do(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"to say which model its weights are of.*MODEL/.*weights\.safetensors"):
        ClipEncoder(str(path))
