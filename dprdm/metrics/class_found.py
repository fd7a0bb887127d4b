"""Does a judge see in an image what its prompt says?"""

from jaxtyping import Float
from torch import Tensor

from dprdm.metrics.comparison import Comparison, Need, present
from dprdm.metrics.judge import labels_of
from dprdm.metrics.metric import Interval, Metric, Score
from dprdm.runs.quantities import HIGHER


def verdicts(comparison: Comparison) -> Float[Tensor, "image"]:
    """Return 1 for each image whose prompt is the class that the judge sees, else 0."""
    judge = present(comparison.reference.judge, Need.JUDGE)
    labels = labels_of(comparison.prompts, judge.class_names, "class_found")
    return (judge.classify(comparison.images) == labels).float()


def class_found(comparison: Comparison) -> Score:
    """Return the share of images with the right class. It reads no real image."""
    judge = present(comparison.reference.judge, Need.JUDGE)
    value = comparison.once(verdicts).double().mean().item()
    return Score(value, comparison.provenance(judge.name, judge.weights_sha256, reads_real=False))


def interval(comparison: Comparison, _value: float) -> Interval:
    """Return the interval of the mean."""
    return comparison.mean_interval(comparison.once(verdicts))


CLASS_FOUND = Metric(
    name="class_found",
    label="class found",
    better=HIGHER,
    description="share of images in which a judge sees the class of the prompt; reads no real image",
    needs=(Need.JUDGE,),
    compute=class_found,
    interval=interval,
)
