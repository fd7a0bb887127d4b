"""CompVis' UNet and first stage, computed from their tensors' names alone: small random ones, and the oracle for ours.

Nothing of diffusers or of our conversion is used here.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as f

Tensors = dict[str, Tensor]


class Names:
    """Random tensors, entered by name."""

    def __init__(self, seed: int = 0) -> None:
        self.tensors: Tensors = {}
        self.draw = torch.Generator().manual_seed(seed)

    def weight(self, name: str, *shape: int, bias: bool = True) -> None:
        fan = math.prod(shape[1:])
        self.tensors[f"{name}.weight"] = torch.randn(shape, generator=self.draw) / fan**0.5
        if bias:
            self.tensors[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=self.draw)

    def norm(self, name: str, width: int) -> None:
        self.tensors[f"{name}.weight"] = 1 + 0.1 * torch.randn(width, generator=self.draw)
        self.tensors[f"{name}.bias"] = 0.1 * torch.randn(width, generator=self.draw)

    def resblock(self, name: str, before: int, after: int, time: int) -> None:
        self.norm(f"{name}.in_layers.0", before)
        self.weight(f"{name}.in_layers.2", after, before, 3, 3)
        self.weight(f"{name}.emb_layers.1", after, time)
        self.norm(f"{name}.out_layers.0", after)
        self.weight(f"{name}.out_layers.3", after, after, 3, 3)
        if before != after:
            self.weight(f"{name}.skip_connection", after, before, 1, 1)

    def transformer(self, name: str, width: int, context: int) -> None:
        self.norm(f"{name}.norm", width)
        self.weight(f"{name}.proj_in", width, width, 1, 1)
        block = f"{name}.transformer_blocks.0"
        for attention, source in (("attn1", width), ("attn2", context)):
            self.weight(f"{block}.{attention}.to_q", width, width, bias=False)
            self.weight(f"{block}.{attention}.to_k", width, source, bias=False)
            self.weight(f"{block}.{attention}.to_v", width, source, bias=False)
            self.weight(f"{block}.{attention}.to_out.0", width, width)
        self.weight(f"{block}.ff.net.0.proj", 8 * width, width)
        self.weight(f"{block}.ff.net.2", width, 4 * width)
        for number in (1, 2, 3):
            self.norm(f"{block}.norm{number}", width)
        self.weight(f"{name}.proj_out", width, width, 1, 1)


def random_unet(
    widths: Sequence[int], blocks: int, attention: Sequence[bool], channels: int, context: int, seed: int = 0
) -> Tensors:
    """The tensors of `model.diffusion_model`, without that prefix."""
    names, time = Names(seed), 4 * widths[0]
    names.weight("time_embed.0", time, widths[0])
    names.weight("time_embed.2", time, time)
    names.weight("input_blocks.0.0", widths[0], channels, 3, 3)
    index, width, skips = 1, widths[0], [widths[0]]
    for level, after in enumerate(widths):
        for _ in range(blocks):
            names.resblock(f"input_blocks.{index}.0", width, after, time)
            if attention[level]:
                names.transformer(f"input_blocks.{index}.1", after, context)
            index, width = index + 1, after
            skips.append(width)
        if level < len(widths) - 1:
            names.weight(f"input_blocks.{index}.0.op", width, width, 3, 3)
            index += 1
            skips.append(width)
    names.resblock("middle_block.0", width, width, time)
    names.transformer("middle_block.1", width, context)
    names.resblock("middle_block.2", width, width, time)
    index = 0
    for level in reversed(range(len(widths))):
        for block in range(blocks + 1):
            names.resblock(f"output_blocks.{index}.0", width + skips.pop(), widths[level], time)
            width = widths[level]
            if attention[level]:
                names.transformer(f"output_blocks.{index}.1", width, context)
            if level > 0 and block == blocks:
                names.weight(f"output_blocks.{index}.{1 + attention[level]}.conv", width, width, 3, 3)
            index += 1
    names.norm("out.0", width)
    names.weight("out.2", channels, width, 3, 3)
    return names.tensors


class Network:
    """A forward pass by name."""

    def __init__(self, tensors: Tensors, head_width: int = 32) -> None:
        self.tensors, self.head_width = tensors, head_width

    def has(self, prefix: str) -> bool:
        return any(name.startswith(f"{prefix}.") for name in self.tensors)

    def conv(self, name: str, x: Tensor, **options: int) -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        padding = options.pop("padding", weight.shape[-1] // 2)
        return f.conv2d(x, weight, self.tensors[f"{name}.bias"], padding=padding, **options)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return f.linear(x, self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias"))

    def group_norm(self, name: str, x: Tensor, eps: float) -> Tensor:
        return f.group_norm(x, 32, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], eps)


class Unet(Network):
    """CompVis' UNetModel with spatial transformers."""

    def __call__(self, x: Tensor, times: Tensor, context: Tensor) -> Tensor:
        emb, skips, index = self.time(times), [], 0
        while self.has(f"input_blocks.{index}"):
            name = f"input_blocks.{index}"
            if index == 0:
                x = self.conv(f"{name}.0", x)
            elif self.has(f"{name}.0.op"):
                x = self.conv(f"{name}.0.op", x, stride=2)
            else:
                x = self.stack(name, x, emb, context)
            skips.append(x)
            index += 1
        x = self.resblock("middle_block.0", x, emb)
        x = self.resblock("middle_block.2", self.transformer("middle_block.1", x, context), emb)
        for index in range(len(skips)):
            x = self.stack(f"output_blocks.{index}", torch.cat([x, skips.pop()], 1), emb, context)
        return self.conv("out.2", f.silu(self.group_norm("out.0", x, 1e-5)))

    def time(self, times: Tensor) -> Tensor:
        width = self.tensors["time_embed.0.weight"].shape[1]
        frequencies = torch.exp(-math.log(10000) * torch.arange(width // 2) / (width // 2))
        angles = times[:, None].float() * frequencies
        sinusoids = torch.cat([angles.cos(), angles.sin()], 1)
        return self.linear("time_embed.2", f.silu(self.linear("time_embed.0", sinusoids)))

    def stack(self, name: str, x: Tensor, emb: Tensor, context: Tensor) -> Tensor:
        x = self.resblock(f"{name}.0", x, emb)
        for place in ("1", "2"):
            if self.has(f"{name}.{place}.norm"):
                x = self.transformer(f"{name}.{place}", x, context)
            elif self.has(f"{name}.{place}.conv"):
                x = self.conv(f"{name}.{place}.conv", f.interpolate(x, scale_factor=2, mode="nearest"))
        return x

    def resblock(self, name: str, x: Tensor, emb: Tensor) -> Tensor:
        h = self.conv(f"{name}.in_layers.2", f.silu(self.group_norm(f"{name}.in_layers.0", x, 1e-5)))
        h = h + self.linear(f"{name}.emb_layers.1", f.silu(emb))[:, :, None, None]
        h = self.conv(f"{name}.out_layers.3", f.silu(self.group_norm(f"{name}.out_layers.0", h, 1e-5)))
        return h + (self.conv(f"{name}.skip_connection", x) if self.has(f"{name}.skip_connection") else x)

    def transformer(self, name: str, x: Tensor, context: Tensor) -> Tensor:
        height, width = x.shape[2:]
        h = self.conv(f"{name}.proj_in", self.group_norm(f"{name}.norm", x, 1e-6))
        h, block = h.flatten(2).transpose(1, 2), f"{name}.transformer_blocks.0"
        normed = self.layer_norm(f"{block}.norm1", h)
        h = h + self.attention(f"{block}.attn1", normed, normed)
        h = h + self.attention(f"{block}.attn2", self.layer_norm(f"{block}.norm2", h), context)
        value, gate = self.linear(f"{block}.ff.net.0.proj", self.layer_norm(f"{block}.norm3", h)).chunk(2, -1)
        h = h + self.linear(f"{block}.ff.net.2", value * f.gelu(gate))
        return x + self.conv(f"{name}.proj_out", h.transpose(1, 2).unflatten(2, (height, width)))

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        return f.layer_norm(x, x.shape[-1:], self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def attention(self, name: str, x: Tensor, source: Tensor) -> Tensor:
        q, k, v = (
            self.linear(f"{name}.to_{letter}", given).unflatten(-1, (-1, self.head_width)).transpose(1, 2)
            for letter, given in (("q", x), ("k", source), ("v", source))
        )
        weights = (q @ k.transpose(-1, -2) / self.head_width**0.5).softmax(-1)
        return self.linear(f"{name}.to_out.0", (weights @ v).transpose(1, 2).flatten(2))


def random_first_stage(widths: Sequence[int], blocks: int, codes: int | None, seed: int = 0) -> Tensors:
    """The tensors of `first_stage_model`, without that prefix; `codes` None: of the KL kind."""
    names, z = Names(seed), 3
    doubled = z if codes else 2 * z
    names.weight("encoder.conv_in", widths[0], 3, 3, 3)
    width = widths[0]
    for level, after in enumerate(widths):
        for block in range(blocks):
            _autoencoder_block(names, f"encoder.down.{level}.block.{block}", width, after)
            width = after
        if level < len(widths) - 1:
            names.weight(f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
    _middle(names, "encoder", width)
    names.weight("encoder.conv_out", doubled, width, 3, 3)
    names.weight("decoder.conv_in", width, z, 3, 3)
    _middle(names, "decoder", width)
    for level in reversed(range(len(widths))):
        for block in range(blocks + 1):
            _autoencoder_block(names, f"decoder.up.{level}.block.{block}", width, widths[level])
            width = widths[level]
        if level > 0:
            names.weight(f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    names.norm("decoder.norm_out", width)
    names.weight("decoder.conv_out", 3, width, 3, 3)
    names.weight("quant_conv", doubled, doubled, 1, 1)
    names.weight("post_quant_conv", z, z, 1, 1)
    if codes:
        names.weight("quantize.embedding", codes, z, bias=False)
    return names.tensors


def _autoencoder_block(names: Names, name: str, before: int, after: int) -> None:
    names.norm(f"{name}.norm1", before)
    names.weight(f"{name}.conv1", after, before, 3, 3)
    names.norm(f"{name}.norm2", after)
    names.weight(f"{name}.conv2", after, after, 3, 3)
    if before != after:
        names.weight(f"{name}.nin_shortcut", after, before, 1, 1)


def _middle(names: Names, part: str, width: int) -> None:
    _autoencoder_block(names, f"{part}.mid.block_1", width, width)
    names.norm(f"{part}.mid.attn_1.norm", width)
    for leaf in ("q", "k", "v", "proj_out"):
        names.weight(f"{part}.mid.attn_1.{leaf}", width, width, 1, 1)
    _autoencoder_block(names, f"{part}.mid.block_2", width, width)
    if part == "encoder":
        names.norm("encoder.norm_out", width)


class FirstStage(Network):
    """CompVis' autoencoder; of the VQ kind where it has a codebook."""

    def encode(self, x: Tensor) -> Tensor:
        """The vector before quantisation, or the mean of the posterior."""
        x, level = self.conv("encoder.conv_in", x), 0
        while self.has(f"encoder.down.{level}"):
            x = self.level(f"encoder.down.{level}", x)
            if self.has(f"encoder.down.{level}.downsample"):
                x = self.conv(f"encoder.down.{level}.downsample.conv", f.pad(x, (0, 1, 0, 1)), stride=2, padding=0)
            level += 1
        x = f.silu(self.group_norm("encoder.norm_out", self.middle("encoder", x), 1e-6))
        return self.conv("quant_conv", self.conv("encoder.conv_out", x))[:, :3]

    def decode(self, z: Tensor) -> Tensor:
        """Quantise where there is a codebook, then decode."""
        if (codes := self.tensors.get("quantize.embedding.weight")) is not None:
            nearest = torch.cdist(z.movedim(1, -1).flatten(0, 2), codes).argmin(1)
            z = codes[nearest].view(len(z), *z.shape[2:], -1).movedim(-1, 1)
        x = self.middle("decoder", self.conv("decoder.conv_in", self.conv("post_quant_conv", z)))
        levels = len({name.split(".")[2] for name in self.tensors if name.startswith("decoder.up.")})
        for level in reversed(range(levels)):
            x = self.level(f"decoder.up.{level}", x)
            if self.has(f"decoder.up.{level}.upsample"):
                x = self.conv(f"decoder.up.{level}.upsample.conv", f.interpolate(x, scale_factor=2, mode="nearest"))
        return self.conv("decoder.conv_out", f.silu(self.group_norm("decoder.norm_out", x, 1e-6)))

    def level(self, name: str, x: Tensor) -> Tensor:
        block = 0
        while self.has(f"{name}.block.{block}"):
            x, block = self.block(f"{name}.block.{block}", x), block + 1
        return x

    def block(self, name: str, x: Tensor) -> Tensor:
        h = self.conv(f"{name}.conv1", f.silu(self.group_norm(f"{name}.norm1", x, 1e-6)))
        h = self.conv(f"{name}.conv2", f.silu(self.group_norm(f"{name}.norm2", h, 1e-6)))
        return h + (self.conv(f"{name}.nin_shortcut", x) if self.has(f"{name}.nin_shortcut") else x)

    def middle(self, part: str, x: Tensor) -> Tensor:
        x, name = self.block(f"{part}.mid.block_1", x), f"{part}.mid.attn_1"
        normed = self.group_norm(f"{name}.norm", x, 1e-6)
        q, k, v = (self.conv(f"{name}.{letter}", normed).flatten(2) for letter in "qkv")
        weights = (q.transpose(1, 2) @ k / q.shape[1] ** 0.5).softmax(-1)
        attended = (v @ weights.transpose(1, 2)).view_as(x)
        return self.block(f"{part}.mid.block_2", x + self.conv(f"{name}.proj_out", attended))
