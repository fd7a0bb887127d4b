"""Which weights a private fine-tuning changes: all of them, those of attention, or low-rank additions to those."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

from torch import Tensor

from dprdm import check
from dprdm.diffusion.network import ConditionedUNet
from dprdm.errors import UserError

# Names of diffusers' attention blocks, self and cross.
ATTENTION = re.compile(r"\.attentions\.")
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")


def load_peft() -> Any:
    """Return the library that adds low-rank weights. Raises UserError where it is not installed."""
    try:
        import peft
    except ImportError as error:
        raise UserError("Expected peft, which low-rank fine-tuning needs: pip install dprdm[rivals].") from error
    return peft


class Tuned(ABC):
    """Chooses the trained weights of a network's UNet. The null condition stays: it stands for no image. Final subclasses."""

    name: ClassVar[str]

    @abstractmethod
    def prepare(self, network: ConditionedUNet) -> None:
        """Freeze all that is not trained; add what is added."""

    def merged(self, network: ConditionedUNet) -> dict[str, Tensor]:
        """Return the network's tensors under its ordinary names, with the added weights merged in."""
        return dict(network.state_dict())


@final
@dataclass(frozen=True)
class Everything(Tuned):
    """All weights of the UNet: DP-SGD on the whole model."""

    name: ClassVar[str] = "everything"

    def prepare(self, network: ConditionedUNet) -> None:
        """Prepare the network; see `Tuned.prepare`."""
        network.requires_grad_(False)
        network.unet.requires_grad_(True)


@final
@dataclass(frozen=True)
class Attention(Tuned):
    """The attention blocks alone, self and cross, with their norms and feed-forward layers.

    Source: DP-LDM, Liu et al. 2023, arXiv 2305.15759.
    """

    name: ClassVar[str] = "attention"

    def prepare(self, network: ConditionedUNet) -> None:
        """Prepare the network; see `Tuned.prepare`."""
        network.requires_grad_(False)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(ATTENTION.search(name) is not None)


@final
@dataclass(frozen=True)
class Lora(Tuned):
    """Low-rank additions to the projections of the attention blocks: W + (alpha / rank) * B A, with A and B trained.

    Args:
        rank: of each addition.
        alpha: its scale, times rank. None: rank, a scale of 1.

    Source: DP-LoRA, Tsai et al. 2024, arXiv 2406.01355; LoRA, Hu et al. 2021, arXiv 2106.09685; through peft.
    """

    name: ClassVar[str] = "lora"

    rank: int = 8
    alpha: float | None = None

    def __post_init__(self) -> None:
        check.at_least(1, rank=self.rank)

    def prepare(self, network: ConditionedUNet) -> None:
        """Prepare the network; see `Tuned.prepare`. Raises UserError where peft is not installed."""
        peft = load_peft()
        config = peft.LoraConfig(r=self.rank, lora_alpha=self.alpha or self.rank, target_modules=list(PROJECTIONS))
        network.requires_grad_(False)
        peft.inject_adapter_in_model(config, network.unet)

    def merged(self, network: ConditionedUNet) -> dict[str, Tensor]:
        """Return the merged tensors; see `Tuned.merged`. The network itself stays as it is."""
        tensors = dict(network.state_dict())
        for name, layer in network.named_modules():
            if isinstance(layer, load_peft().tuners.lora.LoraLayer):
                base = f"{name}.base_layer.weight"
                tensors[base] = tensors[base] + layer.get_delta_weight("default").detach()
        return {name.replace(".base_layer", ""): tensor for name, tensor in tensors.items() if ".lora_" not in name}
