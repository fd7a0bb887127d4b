"""What a metric computes from: real images, generated ones, and the networks that look at both."""

import enum
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dprdm.diffusion.shapes import Pixels
from dprdm.encoders.encoder import Encoder
from dprdm.errors import UserError
from dprdm.metrics.features import FeatureExtractor, Features, encode_pixels
from dprdm.metrics.judge import Judge
from dprdm.metrics.resampling import mean_interval
from dprdm.runs.provenance import Provenance

Value = TypeVar("Value")


class Need(enum.Enum):
    """What a metric may need besides the generated images and their prompts."""

    FEATURES = "a feature network"
    ENCODER = "an encoder"
    JUDGE = "a judge"
    LABELS = "labelled real images"


@dataclass(frozen=True, eq=False)
class Reference:
    """Real images and networks: what any number of sets of images are compared by. Each thing is computed once.

    Args:
        images: real ones.
        labels: the class of each real image, or None.
        class_names: by position.
        extractor: the feature network, or None.
        encoder: of images and prompts, or None.
        judge: says which class an image shows, or None.
        resamples: of the bootstrap; 0: no intervals.
        reads_private: whether the real images are private.
        conversion: what was done to the real images' size and colours, for the provenance; empty if nothing.
        seed: of the bootstrap, and of whatever a metric trains; public.
    """

    images: Pixels
    labels: Int[Tensor, "image"] | None
    class_names: tuple[str, ...]
    extractor: FeatureExtractor | None = None
    encoder: Encoder | None = None
    judge: Judge | None = None
    resamples: int = 100
    reads_private: bool = False
    conversion: str = ""
    seed: int = 0
    _cache: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        require_resamples(self.resamples)

    def once(self, compute: "Callable[[Reference], Value]") -> Value:
        """Return `compute(self)`, computed the first time only."""
        if compute not in self._cache:
            self._cache[compute] = compute(self)
        value: Value = self._cache[compute]
        return value

    @functools.cached_property
    def features(self) -> Features:
        """Features of the real images."""
        return present(self.extractor, Need.FEATURES).features(self.images)

    @functools.cached_property
    def vectors(self) -> Float[Tensor, "image dim"]:
        """Unit vectors of the real images, by the encoder."""
        return torch.from_numpy(encode_pixels(present(self.encoder, Need.ENCODER), self.images))


class Comparison:
    """One set of generated images and what they are compared by: all that a metric gets.

    Args:
        reference: real images and networks.
        images: the generated set.
        prompts: what each was to show.
    """

    def __init__(self, reference: Reference, images: Pixels, prompts: tuple[str, ...]) -> None:
        if len(prompts) != len(images) or not prompts:
            raise UserError(f"Expected a prompt for each image; got {len(images)} images and {len(prompts)} prompts.")
        self.reference, self.images, self.prompts = reference, images, prompts
        self.resamples = reference.resamples
        numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
        # Which prompt each image was drawn for, as a number: intervals redraw images within their prompt.
        self.strata = torch.tensor([numbers[prompt] for prompt in prompts])
        self._cache: dict[Callable[..., Any], Any] = {}

    def once(self, compute: "Callable[[Comparison], Value]") -> Value:
        """Return `compute(self)`, computed the first time only: for what a number and its interval share."""
        if compute not in self._cache:
            self._cache[compute] = compute(self)
        value: Value = self._cache[compute]
        return value

    @functools.cached_property
    def features(self) -> Features:
        """Features of the generated images."""
        return present(self.reference.extractor, Need.FEATURES).features(self.images)

    @functools.cached_property
    def vectors(self) -> Float[Tensor, "image dim"]:
        """Unit vectors of the generated images, by the encoder."""
        return torch.from_numpy(encode_pixels(present(self.reference.encoder, Need.ENCODER), self.images))

    @functools.cached_property
    def prompt_vectors(self) -> Float[Tensor, "image dim"]:
        """The unit vector of each image's prompt, by the encoder."""
        return torch.from_numpy(present(self.reference.encoder, Need.ENCODER).texts(self.prompts))

    def generator(self) -> torch.Generator:
        """Return a new generator of the public seed, so that no number depends on which others are computed."""
        return torch.Generator().manual_seed(self.reference.seed)

    def mean_interval(self, values: Float[Tensor, "image"]) -> tuple[float, float]:
        """Return the 95% interval of a mean over the generated images."""
        return mean_interval(values.double(), self.strata, self.generator(), self.resamples)

    def provenance(
        self, network: str, weights_sha256: str = "", resize: str = "", reads_real: bool = True
    ) -> Provenance:
        """Return how a number of this comparison is made.

        Args:
            network: what it is made with, in words.
            weights_sha256: of the network, where there is one.
            resize: what is done to an image's size first, in words.
            reads_real: whether the number depends on the real images.
        """
        reference, generated = self.reference, len(self.images)
        if not reads_real:
            return Provenance(network, weights_sha256, resize, 0, generated, False)
        sizes = "; ".join(part for part in (reference.conversion, resize) if part)
        return Provenance(network, weights_sha256, sizes, len(reference.images), generated, reference.reads_private)

    def features_provenance(self, reads_real: bool = True) -> Provenance:
        """Return how a number is made that is computed from features."""
        network = present(self.reference.extractor, Need.FEATURES)
        return self.provenance(network.name, network.weights_sha256, network.resize, reads_real)

    def encoder_provenance(self, reads_real: bool = True) -> Provenance:
        """Return how a number is made that is computed from the encoder's vectors."""
        identity = present(self.reference.encoder, Need.ENCODER).identity
        return self.provenance(
            f"encoder {identity['model']}", identity["weights_sha256"], "the model's own", reads_real
        )


def present(value: Value | None, need: Need) -> Value:
    """Return the value; raise UserError if it is missing, which happens where a metric does not list what it needs."""
    if value is None:
        raise UserError(
            f"Expected {need.value} for this metric. Give it one; its author should list Need.{need.name} in `needs`."
        )
    return value


def require_resamples(resamples: int) -> None:
    """Raise UserError unless so many resamples give an interval, or none is wanted."""
    if resamples < 0 or resamples == 1:
        raise UserError(f"Expected resamples={resamples} to be 0, for no intervals, or at least 2.")
