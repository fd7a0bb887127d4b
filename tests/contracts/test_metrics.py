"""What every metric must hold to: the built-in ones, and those of installed packages."""

import dataclasses
import functools
import math

import pytest
import torch

from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import CLASS_NAMES, load_split
from dprdm.metrics.classifier import ClassifierFeatures, SmallClassifier
from dprdm.metrics.comparison import Comparison, Need, Reference
from dprdm.metrics.evaluation import Evaluation
from dprdm.metrics.judge import Judge
from dprdm.registry import load_all

METRICS = sorted(load_all("metric").items())
every_metric = pytest.mark.parametrize("metric", [metric for _, metric in METRICS], ids=[name for name, _ in METRICS])


class Parity(Judge):
    """Sees one of two classes, by whether the sum of an image's bytes is even."""

    name, weights_sha256, class_names = "parity", "", CLASS_NAMES

    def classify(self, images):
        return images.long().sum((1, 2, 3)) % 2


@functools.cache
def extractor():
    torch.manual_seed(0)
    return ClassifierFeatures(SmallClassifier(widths=(8, 16), num_features=16), "untrained")


@functools.cache
def encoder():
    return DemoEncoder()


def garments(split, part):
    images, labels = load_split(split)
    return torch.from_numpy(images[part])[:, None], torch.from_numpy(labels[part]).long()


def reference(metric, split="heldout_dark", **settings):
    """A reference with what the metric says it needs, and nothing else."""
    parts = {
        Need.FEATURES: {"extractor": extractor()},
        Need.ENCODER: {"encoder": encoder()},
        Need.JUDGE: {"judge": Parity()},
        Need.LABELS: {},
    }
    images, labels = garments(split, slice(40))
    needed = {name: part for need in metric.needs for name, part in parts[need].items()}
    return Reference(images, labels if Need.LABELS in metric.needs else None, CLASS_NAMES, **needed, **settings)


def measured(metric, against):
    images, labels = garments("public", slice(30))
    return (
        Evaluation(against, (metric,)).row("a", images, [CLASS_NAMES[i] for i in labels], "public", {}).measurements[0]
    )


@every_metric
def test_it_says_what_it_is(metric):
    assert metric.label and metric.better and metric.description
    assert not metric.description.endswith(".")
    assert metric.digits >= 0 and metric.scale > 0
    assert load_all("metric")[metric.name] is metric


@every_metric
def test_it_computes_from_what_it_needs_and_says_how_much_it_saw(metric):
    number = measured(metric, reference(metric, resamples=2))
    assert number.metric == metric.name and math.isfinite(number.value)
    assert number.provenance.n_generated == 30 and number.provenance.n_real in {0, 40}
    assert number.provenance.features
    if number.low is not None:
        assert number.low <= number.value <= number.high


@every_metric
def test_without_resamples_there_is_no_interval(metric):
    assert measured(metric, reference(metric, resamples=0)).low is None


@every_metric
def test_the_same_images_give_the_same_number(metric):
    assert measured(metric, reference(metric, resamples=2)) == measured(metric, reference(metric, resamples=2))


@every_metric
def test_a_number_that_reads_private_images_says_so(metric):
    """One that says it does not, must not change when the real images do."""
    number = measured(metric, reference(metric, resamples=0, reads_private=True))
    assert number.provenance.reads_private == (number.provenance.n_real > 0)
    if not number.provenance.reads_private:
        assert number == measured(metric, reference(metric, "heldout", resamples=0, reads_private=True))


@every_metric
def test_what_it_needs_is_asked_of_the_reference(metric):
    """Without any one of its needs it is refused, not computed otherwise."""
    whole = reference(metric, resamples=0)
    parts = {Need.FEATURES: "extractor", Need.ENCODER: "encoder", Need.JUDGE: "judge", Need.LABELS: "labels"}
    for need in metric.needs:
        with pytest.raises(Exception, match=need.value):
            Evaluation(dataclasses.replace(whole, **{parts[need]: None}), (metric,))


def test_what_a_comparison_shares_is_computed_once():
    images, _ = garments("public", slice(4))
    comparison = Comparison(Reference(images, None, CLASS_NAMES), images, ("a", "b", "a", "c"))
    calls = []

    def compute(_):
        calls.append(1)
        return

    assert comparison.once(compute) is None and comparison.once(compute) is None
    assert comparison.reference.once(compute) is None and len(calls) == 2
    assert comparison.strata.tolist() == [0, 1, 0, 2]
