"""Rows: real halves are near, other images far; numbers without intervals, without real images, and refused requests."""

import pytest
import torch

from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import load_split
from dprdm.errors import UserError
from dprdm.metrics.cache import ImageSet, distinct_names, measured_once
from dprdm.metrics.classifier import ClassifierFeatures, SmallClassifier
from dprdm.metrics.evaluation import METRICS, OF_FEATURES, Evaluation
from dprdm.metrics.judge import Judge


class Oracle(Judge):
    """Knows the demo's garments by heart."""

    name, weights_sha256, class_names = "an oracle", "", CLASS_NAMES

    def __init__(self, images, labels):
        self.known = {image.numpy().tobytes(): label for image, label in zip(images, labels, strict=True)}

    def classify(self, images):
        return torch.stack([self.known[image.numpy().tobytes()] for image in images])


def garments(split, part):
    images, labels = load_split(split)
    return torch.from_numpy(images[part])[:, None], torch.from_numpy(labels[part]).long()


def features():
    torch.manual_seed(0)
    return ClassifierFeatures(SmallClassifier(widths=(8, 16), num_features=16), "untrained")


def evaluation(metrics, **more):
    images, labels = garments("heldout_dark", slice(200))
    return Evaluation(images, labels, CLASS_NAMES, features(), metrics, **{"resamples": 10, **more})


def row(judged, images, labels):
    return judged.row_of_images("a", images, [CLASS_NAMES[label] for label in labels], "real", {})


def test_another_half_is_near_and_brighter_garments_are_far():
    judged = evaluation((*OF_FEATURES, "cmmd"), encoder=DemoEncoder())
    half = row(judged, *garments("heldout_dark", slice(200, 400)))
    other = row(judged, *garments("public", slice(200)))
    for metric in ("fid", "kid", "cmmd"):
        near, far = half.measurement(metric), other.measurement(metric)
        assert near.value < far.value and near.high < far.value
    assert half.measurement("coverage").value > other.measurement("coverage").value
    for found in half.measurements:
        assert found.low <= found.value <= found.high
        assert (found.provenance.n_real, found.provenance.n_generated) == (200, 200)


def test_class_found_and_clip_score_follow_the_prompts_and_read_no_real_image():
    images, labels = garments("heldout", slice(100))
    judged = evaluation(
        ("class_found", "clip_score"), judge=Oracle(images, labels), encoder=DemoEncoder(), reads_private=True
    )
    right, wrong = row(judged, images, labels), row(judged, images, (labels + 1) % 10)
    assert right.measurement("class_found").value == 1 and wrong.measurement("class_found").value == 0
    assert right.measurement("clip_score").low > wrong.measurement("clip_score").high
    assert not any(found.provenance.reads_private or found.provenance.n_real for found in right.measurements)


def test_clip_score_is_a_hundred_cosines():
    images, labels = garments("heldout", slice(5))
    encoder = DemoEncoder()
    found = row(evaluation(("clip_score",), encoder=encoder, resamples=0), images, labels).measurements[0]
    vectors = torch.nn.functional.normalize(encoder.model.encode_image(torch.stack([
        encoder.preprocess(picture) for picture in _pictures(images)])))  # fmt: skip
    words = torch.nn.functional.normalize(encoder.model.encode_text(encoder.tokenize([CLASS_NAMES[i] for i in labels])))
    expected = (100 * torch.nn.functional.cosine_similarity(vectors, words)).clamp(min=0).mean().item()
    assert found.value == pytest.approx(expected, rel=1e-4)
    assert found.low is None and found.high is None


def test_accuracy_reads_what_is_private_and_says_so():
    judged = evaluation(("accuracy",), reads_private=True, conversion="real images fitted")
    found = row(judged, *garments("public", slice(100))).measurements[0]
    assert found.provenance.reads_private and found.provenance.resize.startswith("real images fitted")
    assert 0 <= found.low < found.value < found.high <= 1


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [(("fdi",), "Expected metrics among"), (("cmmd",), "an encoder for cmmd"), (("class_found",), "a judge")],
)
def test_what_is_missing_is_said(metrics, sentence):
    with pytest.raises(UserError, match=sentence):
        evaluation(metrics)


def test_prompts_that_are_no_class_are_refused():
    judged = evaluation(("accuracy",))
    with pytest.raises(UserError, match="'a hat' is none"):
        judged.row_of_images("a", garments("public", slice(1))[0], ["a hat"], "real", {})


def test_a_row_is_measured_once(tmp_path):
    images, labels = garments("public", slice(40))
    own = ImageSet("first", images, tuple(CLASS_NAMES[i] for i in labels), "private", {"epsilon": 1.0})
    first, was_there = measured_once(evaluation(("kid",)), own, tmp_path)
    assert not was_there
    renamed = ImageSet("again", *[getattr(own, name) for name in ("images", "prompts", "status", "settings")])
    again, was_there = measured_once(evaluation(("kid",)), renamed, tmp_path)
    assert was_there and again.measurements == first.measurements and again.name == "again"
    changed = ImageSet("first", 255 - images, own.prompts, own.status, own.settings)
    assert not measured_once(evaluation(("kid",)), changed, tmp_path)[1]
    assert not measured_once(evaluation(("kid",), reads_private=True), own, tmp_path)[1]


def test_names_tell_folders_apart(tmp_path):
    assert distinct_names([tmp_path / "a" / "run", tmp_path / "b" / "run"]) == ["a/run", "b/run"]
    assert distinct_names([tmp_path / "a"]) == ["a"]


def test_every_metric_has_a_head_in_tables():
    from dprdm.report.printed import HEADS

    assert set(METRICS) <= HEADS.keys()


def _pictures(images):
    from PIL import Image

    return [Image.fromarray(image[0].numpy()) for image in images]
