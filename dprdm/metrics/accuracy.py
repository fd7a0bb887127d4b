"""Accuracy on real images of a classifier that has seen generated ones alone."""

from dprdm.metrics.comparison import Comparison, Need, present
from dprdm.metrics.judge import labels_of
from dprdm.metrics.metric import Interval, Metric, Score
from dprdm.metrics.utility import PROVENANCE, Utility, utility
from dprdm.runs.quantities import HIGHER


def trained_classifier(comparison: Comparison) -> Utility:
    """Return how a classifier does that is trained on the generated images, with their prompts as labels."""
    reference = comparison.reference
    labels = labels_of(comparison.prompts, reference.class_names, "accuracy")
    real_labels = present(reference.labels, Need.LABELS)
    return utility(comparison.images, labels, reference.images, real_labels, reference.seed)


def accuracy(comparison: Comparison) -> Score:
    """Return the share of real images whose class it finds."""
    return Score(comparison.once(trained_classifier).accuracy, comparison.provenance(PROVENANCE, resize="none"))


def interval(comparison: Comparison, _value: float) -> Interval:
    """Return Wilson's interval over the real images."""
    result = comparison.once(trained_classifier)
    return result.low, result.high


ACCURACY = Metric(
    name="accuracy",
    label="accuracy",
    better=HIGHER,
    description="share of real images that a classifier gets right which has seen generated ones alone",
    needs=(Need.LABELS,),
    compute=accuracy,
    interval=interval,
)
