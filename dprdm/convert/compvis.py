"""Networks of CompVis' latent-diffusion and RDM checkpoints, name by name, as diffusers' networks.

Written from the tensors' names and shapes; tests/convert/compvis_reference.py computes both networks from CompVis' names
and compares. Whatever has no place here is refused by name: a network that is converted by halves draws plausible nonsense.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import torch
from diffusers import AutoencoderKL, VQModel
from torch import Tensor, nn

from dprdm.diffusion.network import ConditionedUNet, NetworkConfig
from dprdm.errors import UserError

State = Mapping[str, Tensor]
NORM_GROUPS = 32  # in every network of CompVis

_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_ATTENTION = {name: name for name in ("norm", "proj_in", "transformer_blocks.0", "proj_out")}
_OUTER = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
# Of the autoencoders, applied in this order.
_AUTOENCODER = (
    (r"\.norm_out\.", ".conv_norm_out."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
    (r"\.(down|up)\.(\d+)\.block\.(\d+)\.", r".\1_blocks.\2.resnets.\3."),
    (r"\.(down|up)\.(\d+)\.(down|up)sample\.", r".\1_blocks.\2.\3samplers.0."),
    (r"\.mid\.block_1\.", ".mid_block.resnets.0."),
    (r"\.mid\.block_2\.", ".mid_block.resnets.1."),
    (r"\.mid\.attn_1\.norm\.", ".mid_block.attentions.0.group_norm."),
    (r"\.mid\.attn_1\.([qkv])\.", r".mid_block.attentions.0.to_\1."),
    (r"\.mid\.attn_1\.proj_out\.", ".mid_block.attentions.0.to_out.0."),
)


def network_config(
    state: State, latent_size: int, head_width: int = 32, heads: int | None = None, knows_noise: bool = False
) -> NetworkConfig:
    """Return the sizes of a CompVis UNet, from the shapes of its tensors.

    Args:
        state: its tensors, without the prefix `model.diffusion_model.`.
        latent_size: no tensor knows it.
        head_width: nor this.
        heads: attention heads of every level, where the number and not the width is the same.
        knows_noise: add our noise-level input.
    Raises:
        UserError: if the names are not those of a UNet with spatial transformers.
    """
    widths, blocks, attention = [0], [0], [False]
    for index in range(1, _count(state, "input_blocks")):
        if f"input_blocks.{index}.0.op.weight" in state:
            widths, blocks, attention = [*widths, 0], [*blocks, 0], [*attention, False]
            continue
        widths[-1] = len(_tensor(state, f"input_blocks.{index}.0.out_layers.3.weight"))
        blocks[-1] += 1
        attention[-1] = f"input_blocks.{index}.1.norm.weight" in state
    if len(set(blocks)) > 1:
        raise UserError(f"Expected as many residual blocks on every level, and the levels have {blocks}.")
    condition = _tensor(state, "middle_block.1.transformer_blocks.0.attn2.to_k.weight")
    return NetworkConfig(
        latent_size=latent_size,
        latent_channels=_tensor(state, "input_blocks.0.0.weight").shape[1],
        condition_dim=condition.shape[1],
        widths=widths,
        blocks=blocks[0],
        attention=attention,
        head_width=head_width,
        heads=heads,
        norm_groups=NORM_GROUPS,
        knows_noise=knows_noise,
        trains_null=False,
    )


def convert_network(state: State, config: NetworkConfig) -> dict[str, Tensor]:
    """Return the tensors of a CompVis UNet under the names of our network of these sizes, the zero null condition included.

    A noise-level input, which theirs lacks, starts without effect: its last layer is zero.

    Raises:
        UserError: if a tensor has no place in ours, has another shape, or is missing.
    """
    names = dict(_unet_modules(config))
    renamed = {f"unet.{_renamed(name, names)}": name for name in state}
    with torch.device("meta"):
        ours = ConditionedUNet(config).state_dict()
    added = {
        name: tensor for name, tensor in ours.items() if name.startswith(("unet.class_embedding", "null_condition"))
    }
    _check(state, renamed, {name: tensor for name, tensor in ours.items() if name not in added})
    return {**{name: state[theirs] for name, theirs in renamed.items()}, **_without_effect(added)}


def convert_autoencoder(state: State, scale: float = 1.0) -> VQModel | AutoencoderKL:
    """Return a diffusers autoencoder with the tensors of a CompVis first stage: VQ where it has a codebook, KL where not.

    Args:
        state: its tensors, without the prefix `first_stage_model.`.
        scale: latents are multiplied by it.
    Raises:
        UserError: if a tensor has no place in it, has another shape, or is missing.
    """
    levels = _count(state, "encoder.down")
    sizes = {
        "block_out_channels": [
            len(_tensor(state, f"encoder.down.{level}.block.0.conv1.weight")) for level in range(levels)
        ],
        "layers_per_block": _count(state, "encoder.down.0.block"),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "in_channels": _tensor(state, "encoder.conv_in.weight").shape[1],
        "out_channels": len(_tensor(state, "decoder.conv_out.weight")),
        "latent_channels": _tensor(state, "decoder.conv_in.weight").shape[1],
        "norm_num_groups": NORM_GROUPS,
        "scaling_factor": scale,
    }
    with torch.device("meta"):
        if (codebook := state.get("quantize.embedding.weight")) is not None:
            ours = VQModel(num_vq_embeddings=codebook.shape[0], vq_embed_dim=codebook.shape[1], **sizes)
        else:
            ours = AutoencoderKL(**sizes)
    renamed = {_autoencoder_name(name, levels): name for name in state}
    converted = {name: _as_linear(name, state[theirs]) for name, theirs in renamed.items()}
    _check(converted, {name: name for name in converted}, ours.state_dict(), renamed)
    ours.load_state_dict(converted, assign=True)
    return ours.eval()


def _unet_modules(config: NetworkConfig) -> Iterator[tuple[str, str]]:
    """Every leaf of CompVis' UNet and its name in diffusers', in CompVis' order."""
    yield from _OUTER.items()
    attention, levels = config.attention or [True] * len(config.widths), range(len(config.widths))
    for level in levels:
        for block in range(config.blocks):
            index = 1 + level * (config.blocks + 1) + block
            yield from _block(f"input_blocks.{index}", f"down_blocks.{level}", block, attention[level])
        downsampler = f"input_blocks.{(level + 1) * (config.blocks + 1)}.0.op"
        yield downsampler, f"down_blocks.{level}.downsamplers.0.conv"
    yield from _leaves("middle_block.0", "mid_block.resnets.0", _RESNET)
    yield from _leaves("middle_block.1", "mid_block.attentions.0", _ATTENTION)
    yield from _leaves("middle_block.2", "mid_block.resnets.1", _RESNET)
    for level in levels:
        attends = attention[len(config.widths) - 1 - level]
        for block in range(config.blocks + 1):
            index = level * (config.blocks + 1) + block
            yield from _block(f"output_blocks.{index}", f"up_blocks.{level}", block, attends)
        yield f"output_blocks.{index}.{1 + attends}.conv", f"up_blocks.{level}.upsamplers.0.conv"


def _block(theirs: str, ours: str, block: int, attends: bool) -> Iterator[tuple[str, str]]:
    yield from _leaves(f"{theirs}.0", f"{ours}.resnets.{block}", _RESNET)
    if attends:
        yield from _leaves(f"{theirs}.1", f"{ours}.attentions.{block}", _ATTENTION)


def _leaves(theirs: str, ours: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((f"{theirs}.{name}", f"{ours}.{other}") for name, other in names.items())


def _renamed(name: str, modules: Mapping[str, str]) -> str:
    """`name` with the longest module before it renamed; itself where there is none, which no network of ours has."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        if (module := ".".join(parts[:length])) in modules:
            return ".".join([modules[module], *parts[length:]])
    return name


def _autoencoder_name(name: str, levels: int) -> str:
    for pattern, replacement in _AUTOENCODER:
        name = re.sub(pattern, replacement, name)
    return re.sub(r"\.up_blocks\.(\d+)\.", lambda match: f".up_blocks.{levels - 1 - int(match[1])}.", name)


def _as_linear(name: str, tensor: Tensor) -> Tensor:
    """Attention's 1 x 1 convolutions are matrices in diffusers."""
    is_attention = ".attentions." in name and name.endswith(".weight") and tensor.ndim == 4
    return tensor[:, :, 0, 0] if is_attention else tensor


def _without_effect(added: State) -> dict[str, Tensor]:
    """Real tensors for those that CompVis' network lacks: layers that add zero, and the zero null condition."""
    tensors = {name: torch.zeros(tensor.shape) for name, tensor in added.items()}
    if (first := tensors.get("unet.class_embedding.linear_1.weight")) is not None:
        nn.init.xavier_uniform_(first, generator=torch.Generator().manual_seed(0))
    return tensors


def _check(state: State, renamed: Mapping[str, str], ours: State, named: Mapping[str, str] | None = None) -> None:
    """Every tensor of `state` has a place in `ours`, of its shape, and no place stays empty."""
    for name, theirs in renamed.items():
        label = named[name] if named is not None else theirs
        if name not in ours:
            raise UserError(f"Expected a network of this project's kind; the checkpoint's {label} has no place in it.")
        if state[theirs].shape != ours[name].shape:
            shapes = f"{tuple(ours[name].shape)}, got {tuple(state[theirs].shape)}"
            raise UserError(f"Expected the checkpoint's {label} to have the shape {shapes}.")
    if missing := sorted(set(ours) - set(renamed)):
        raise UserError(f"Expected a whole network; {len(missing)} tensors are missing, such as {missing[0]} of ours.")


def _tensor(state: State, name: str) -> Tensor:
    if name not in state:
        raise UserError(f"Expected a network of latent-diffusion or RDM; the checkpoint has no tensor {name}.")
    return state[name]


def _count(state: State, prefix: str) -> int:
    """How many numbered modules there are below `prefix`."""
    numbers: Sequence[str] = [
        name.removeprefix(f"{prefix}.").split(".")[0] for name in state if name.startswith(f"{prefix}.")
    ]
    return 1 + max((int(number) for number in numbers if number.isdigit()), default=-1)
