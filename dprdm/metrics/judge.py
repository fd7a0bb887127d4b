"""Who says what an image shows: a classifier that knows the prompts as its classes."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from dprdm.diffusion.shapes import Pixels
from dprdm.errors import UserError
from dprdm.metrics.features import FrozenNetwork


class Judge(FrozenNetwork):
    """A classifier of images, with the names of its classes."""

    @property
    @abstractmethod
    def class_names(self) -> Sequence[str]:
        """By position; a prompt is one of them."""

    @abstractmethod
    def classify(self, images: Pixels) -> Int[Tensor, "image"]:
        """Return the likeliest class of each image."""


def labels_of(prompts: Sequence[str], class_names: Sequence[str], metric: str) -> Int[Tensor, "image"]:
    """Return the position of each prompt among the classes.

    Raises:
        UserError: if a prompt is none of them.
    """
    positions = {name: position for position, name in enumerate(class_names)}
    if strange := sorted(set(prompts) - positions.keys()):
        classes = ", ".join(list(class_names)[:12]) + (", ..." if len(class_names) > 12 else "")
        raise UserError(
            f"Expected prompts that are classes ({classes}) for {metric}; {strange[0]!r} is none. Leave {metric} out."
        )
    return torch.tensor([positions[prompt] for prompt in prompts])
