"""Rows: real halves are near, other images far; numbers without intervals, without real images, and refused requests."""

import dataclasses
import importlib
import sys

import pytest
import torch

from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import load_split
from dprdm.errors import UserError
from dprdm.metrics.cache import ImageSet, cached_row, distinct_names
from dprdm.metrics.classifier import ClassifierFeatures, SmallClassifier
from dprdm.metrics.comparison import Comparison, Reference
from dprdm.metrics.evaluation import USUAL, Evaluation, choose_metrics, need_features
from dprdm.metrics.judge import Judge
from dprdm.metrics.metric import Metric, Score
from dprdm.registry import find
from dprdm.runs.quantities import HIGHER

OF_FEATURES = ("fid", "kid", "precision", "recall", "density", "coverage")


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
    settings = {"extractor": features(), "resamples": 10, **more}
    return Evaluation(Reference(images, labels, CLASS_NAMES, **settings), tuple(find("metric", m) for m in metrics))


def row(judged, images, labels):
    return judged.row("a", images, [CLASS_NAMES[label] for label in labels], "real", {})


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
    [
        (("fdi",), "no metric is called 'fdi'. Known: accuracy, .*Did you mean 'fid'"),
        (("cmmd",), "an encoder for cmmd"),
        (("class_found",), "a judge for class_found. Give it, or leave class_found out"),
    ],
)
def test_what_is_missing_is_said_before_an_image_is_read(metrics, sentence):
    with pytest.raises(UserError, match=sentence):
        choose_metrics(metrics, None, None)
    with pytest.raises(UserError, match=sentence):
        evaluation(metrics)


@pytest.mark.parametrize(("part", "metric"), [("labels", "accuracy"), ("extractor", "fid")])
def test_a_reference_without_what_is_needed_is_refused(part, metric):
    reference = dataclasses.replace(evaluation(()).reference, **{part: None})
    with pytest.raises(UserError, match=rf"(labelled real images|feature network) for {metric}"):
        Evaluation(reference, (find("metric", metric),))


def test_the_usual_metrics_are_those_whose_needs_are_met():
    assert [metric.name for metric in choose_metrics(None, None, None)] == list(OF_FEATURES)
    everything = choose_metrics(None, DemoEncoder(), Oracle((), ()))
    assert tuple(metric.name for metric in everything) == USUAL
    assert not need_features(choose_metrics(("clip_score", "clip_score"), DemoEncoder(), None))


def test_one_resample_makes_no_interval():
    with pytest.raises(UserError, match="Expected resamples=1 to be 0, for no intervals, or at least 2"):
        evaluation(("fid",), resamples=1)


def brightness(comparison: Comparison) -> Score:
    return Score(comparison.images.double().mean().item(), comparison.provenance("the pixels", reads_real=False))


BRIGHTNESS = Metric(name="brightness", label="brightness", better=HIGHER, description="mean", compute=brightness)


def test_a_metric_of_anybody_is_measured_and_described():
    judged = Evaluation(evaluation(()).reference, (BRIGHTNESS,))
    number = row(judged, *garments("public", slice(30))).measurements[0]
    assert (number.metric, number.low, number.provenance.features) == ("brightness", None, "the pixels")
    assert number.provenance.n_real == 0 and number.provenance.n_generated == 30
    assert judged.quantities[0].axis == "brightness, higher is better"


@pytest.mark.parametrize("result", [0.5, Score(float("nan"), None)])
def test_a_metric_that_returns_no_number_with_its_provenance_is_refused(result):
    broken = dataclasses.replace(BRIGHTNESS, compute=lambda comparison: result)
    with pytest.raises(UserError, match="metric brightness to compute a Score with a finite value"):
        row(Evaluation(evaluation(()).reference, (broken,)), *garments("public", slice(30)))


def test_a_metric_that_does_not_say_what_it_needs_is_told_to():
    shy = dataclasses.replace(BRIGHTNESS, compute=lambda comparison: Score(comparison.vectors.mean().item(), None))
    with pytest.raises(UserError, match=r"Expected an encoder for this metric.*Need\.ENCODER"):
        row(Evaluation(evaluation(()).reference, (shy,)), *garments("public", slice(30)))


def test_prompts_that_are_no_class_are_refused():
    judged = evaluation(("accuracy",))
    with pytest.raises(UserError, match="'a hat' is none"):
        judged.row("a", garments("public", slice(1))[0], ["a hat"], "real", {})


def test_a_row_is_measured_once(tmp_path):
    images, labels = garments("public", slice(40))
    own = ImageSet("first", images, tuple(CLASS_NAMES[i] for i in labels), "private", {"epsilon": 1.0})
    first, was_there = cached_row(evaluation(("kid",)), own, tmp_path)
    assert not was_there
    renamed = ImageSet("again", *[getattr(own, name) for name in ("images", "prompts", "status", "settings")])
    again, was_there = cached_row(evaluation(("kid",)), renamed, tmp_path)
    assert was_there and again.measurements == first.measurements and again.name == "again"
    changed = ImageSet("first", 255 - images, own.prompts, own.status, own.settings)
    assert not cached_row(evaluation(("kid",)), changed, tmp_path)[1]
    assert not cached_row(evaluation(("kid",), reads_private=True), own, tmp_path)[1]


def test_names_tell_folders_apart(tmp_path):
    assert distinct_names([tmp_path / "a" / "run", tmp_path / "b" / "run"]) == ["a/run", "b/run"]
    assert distinct_names([tmp_path / "a"]) == ["a"]


def _pictures(images):
    from PIL import Image

    return [Image.fromarray(image[0].numpy()) for image in images]


def test_a_row_is_measured_again_when_its_metric_has_changed(tmp_path, monkeypatch):
    (tmp_path / "shine.py").write_text(SHINE.format(factor=1))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    images, labels = garments("public", slice(20))
    shown = ImageSet("a", images, tuple(CLASS_NAMES[i] for i in labels), "public", {})
    for factor, was_measured in ((1, False), (1, True), (2, False)):
        (tmp_path / "shine.py").write_text(SHINE.format(factor=factor))
        sys.modules.pop("shine", None)
        importlib.invalidate_caches()
        judged = Evaluation(evaluation(()).reference, (find("metric", "shine.SHINE"),))
        row_, was_there = cached_row(judged, shown, tmp_path / "rows")
        assert was_there == was_measured
    assert row_.measurements[0].value == pytest.approx(2 * images.double().mean().item())


SHINE = """
from dprdm.metrics.metric import Metric, Score

def shine(comparison):
    return Score({factor} * comparison.images.double().mean().item(), comparison.provenance("pixels", reads_real=False))

SHINE = Metric(name="shine", label="shine", better="higher is better", description="mean", compute=shine)
"""
