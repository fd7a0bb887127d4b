"""CLIPScore: does an image show what its prompt says?"""

from jaxtyping import Float
from torch import Tensor

from dprdm.metrics.comparison import Comparison, Need
from dprdm.metrics.metric import Interval, Metric, Score
from dprdm.runs.quantities import HIGHER


def scores(comparison: Comparison) -> Float[Tensor, "image"]:
    """Return 100 times the cosine of each image and its prompt, not below 0. Source: Hessel et al. 2021."""
    return 100 * (comparison.vectors * comparison.prompt_vectors).sum(1).clamp(min=0)


def clip_score(comparison: Comparison) -> Score:
    """Return the mean over images. It reads no real image."""
    value = comparison.once(scores).double().mean().item()
    return Score(value, comparison.encoder_provenance(reads_real=False))


def interval(comparison: Comparison, _value: float) -> Interval:
    """Return the interval of the mean."""
    return comparison.mean_interval(comparison.once(scores))


CLIP_SCORE = Metric(
    name="clip_score",
    label="CLIPScore",
    better=HIGHER,
    description="100 times the cosine of image and prompt, not below 0, on average; reads no real image",
    digits=1,
    needs=(Need.ENCODER,),
    compute=clip_score,
    interval=interval,
)
