"""GANformer's synthesis network: StyleGAN2's, with attention to the local latents in its layers.

    layer   x <- act(attention(conv(x, global latent), local latents) + strength * noise + bias)
    block   x <- (layer1(layer0(x)) + up(1 x 1 (x))) / sqrt(2)            "resnet"; else layer1(layer0(x))
    end     one more modulated convolution without bias, noise or activation, then RGB

(Hudson and Zitnick 2021, section 3.2, and the published weights.) What is StyleGAN2's comes from
nn/stylegan2.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.ganformer.config import GANformerConfig
from spatial_edit.nn.bipartite_attention import BipartiteAttention, carry, grid_encoding
from spatial_edit.nn.equalised import biased_leaky_relu
from spatial_edit.nn.resample import Blur, Upsample
from spatial_edit.nn.stylegan2 import ModulatedConv, ToRGB, UpSkip


class Drawn(NamedTuple):
    """An image (B, 3, R, R), and a layer's attention maps (B, heads, side, side, k) or None, layer by
    layer."""

    image: Tensor
    maps: tuple[Tensor | None, ...]


class PlainConv(nn.Module):
    """In the place of a modulated convolution where there is no modulation: it does not look at w."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.blur = Blur(1, gain=4.0) if up else None
        self.padding = kernel // 2

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        weight = (self.weight * self.scale).to(x.dtype)
        if self.blur is None:
            return F.conv2d(x, weight, padding=self.padding)
        return self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))


class PlainRGB(nn.Module):
    """In the place of `ToRGB` where there is no modulation."""

    def __init__(self, inputs: int, image_channels: int = 3) -> None:
        super().__init__()
        self.conv = PlainConv(inputs, image_channels, 1)
        self.bias = nn.Parameter(torch.zeros(image_channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.conv(x, w) + self.bias.to(x.dtype)[:, None, None]


def _convolution(config: GANformerConfig, inputs: int, outputs: int, *, up: bool = False) -> nn.Module:
    """3 x 3, with or without modulation."""
    if config.modulated:
        return ModulatedConv(inputs, outputs, 3, config.w_dim, up=up)
    return PlainConv(inputs, outputs, 3, up=up)


class AttentiveLayer(nn.Module):
    """(B, inputs, s, s) -> (B, outputs, side, side); s = side, or half of it with `up`."""

    grid: Tensor

    def __init__(
        self, config: GANformerConfig, inputs: int, outputs: int, side: int, *, up: bool = False
    ) -> None:
        super().__init__()
        self.side, self.up = side, up
        self.conv = _convolution(config, inputs, outputs, up=up)
        self.noise_strength = nn.Parameter(torch.zeros(())) if config.noise else None
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.attention: BipartiteAttention | None = None
        if config.attention is not None and config.attends(side):
            width = config.position_width
            self.attention = BipartiteAttention(
                outputs,
                config.w_dim,
                config.components,
                config.attention,
                position_width=width,
                latent_position_width=config.w_dim if width else 0,
            )
            stored = config.grid == "stored"
            grid = (
                torch.zeros(side, side, width)
                if stored or not width
                else grid_encoding(side, width, config.directions)
            )
            self.register_buffer("grid", grid, persistent=stored and width > 0)

    def forward(
        self,
        x: Tensor,
        local: Tensor,
        whole: Tensor,
        noise: Tensor | None,
        positions: Tensor | None,
        carried: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """local (B, k, w_dim), whole (B, w_dim). The result, the maps (B, heads, side, side, k), and the
        assignments for the next layer."""
        x = self.conv(x, whole)
        maps = assignments = None

        if self.attention is not None:
            if carried is not None and self.up:
                carried = carry(carried, self.side // 2)
            places = self.grid.flatten(0, 1).to(x.dtype)
            pixels = x.flatten(2).transpose(1, 2)  # (B, n, C)
            seen = self.attention(pixels, local.to(x.dtype), places, positions, carried=carried)
            x = seen.pixels.transpose(1, 2).unflatten(2, (self.side, self.side))
            maps, assignments = seen.maps.unflatten(2, (self.side, self.side)), seen.assignments

        if noise is not None and self.noise_strength is not None:
            x = x + (self.noise_strength * noise).to(x.dtype)
        return biased_leaky_relu(x, self.bias), maps, assignments


class AttentiveSynthesis(nn.Module):
    """Codes of every latent -> image, nominally in [-1, 1], not clamped.

    Code i of each latent belongs to layer i (0: side 4; 2j - 1 and 2j: side 4 * 2^j); the last two codes to
    the last convolution and its RGB. An RGB output at a smaller side takes the code after that side's last
    layer. So there are `num_codes` = 2 * log2(resolution) - 1.
    """

    def __init__(self, config: GANformerConfig) -> None:
        super().__init__()
        self.config = config
        sides, widths = config.sides, config.channels
        self.const = nn.Parameter(torch.randn(widths[4], 4, 4))
        layers = [AttentiveLayer(config, widths[4], widths[4], 4)]
        for side in sides[1:]:
            layers.append(AttentiveLayer(config, widths[side // 2], widths[side], side, up=True))
            layers.append(AttentiveLayer(config, widths[side], widths[side], side))
        self.layers = nn.ModuleList(layers)
        residual = config.architecture == "resnet"
        self.skips = nn.ModuleList(
            UpSkip(widths[side // 2], widths[side]) for side in (sides[1:] if residual else [])
        )
        self.last = _convolution(config, widths[sides[-1]], widths[sides[-1]])
        rgb_sides = sides if config.architecture == "skip" else sides[-1:]
        self.rgbs = nn.ModuleList(
            ToRGB(widths[side], config.w_dim) if config.modulated else PlainRGB(widths[side])
            for side in rgb_sides
        )
        self.upsample = Upsample()
        self.noise_sides = tuple(layer.side for layer in layers)
        for i, side in enumerate(self.noise_sides if config.fixed_noise else ()):
            self.register_buffer(f"noise_{i}", torch.randn(side, side))

    @property
    def num_codes(self) -> int:
        return len(self.layers) + 2

    def own_noise(self) -> list[Tensor]:
        """The network's fixed noise, one (1, 1, r, r) a layer. ValueError when it has none."""
        if not self.config.fixed_noise:
            raise ValueError("this network has no noise maps of its own: draw some, or give none")
        return [self.get_buffer(f"noise_{i}")[None, None] for i in range(len(self.layers))]

    def forward(
        self, codes: Tensor, noise: Sequence[Tensor] | None = None, positions: Tensor | None = None
    ) -> Tensor:
        """codes: (B, k + 1, w_dim) or (B, k + 1, num_codes, w_dim); positions: (k, w_dim).

        noise: one (B or 1, 1, r, r) a layer, or None for none. Returns (B, 3, R, R).
        """
        return self.draw(codes, noise, positions, keep_maps=False).image

    def draw(
        self,
        codes: Tensor,
        noise: Sequence[Tensor] | None = None,
        positions: Tensor | None = None,
        *,
        keep_maps: bool = True,
    ) -> Drawn:
        """As `forward`, with the attention maps of every layer."""
        if codes.dim() == 3:
            codes = codes[:, :, None].expand(-1, -1, self.num_codes, -1)
        if noise is not None and len(noise) != len(self.layers):
            raise ValueError(f"{len(noise)} noise maps given, this network has {len(self.layers)} layers")
        local, whole = codes[:, :-1], codes[:, -1]  # (B, k, num_codes, w), (B, num_codes, w)
        x = self.const[None].expand(codes.shape[0], -1, -1, -1)  # (B, C, 4, 4)
        carries = self.config.attention is not None and self.config.attention.carried
        carried = past = rgb = None
        kept: list[Tensor | None] = []

        for i, layer in enumerate(self.layers):
            if i % 2 and self.skips:
                past = self.skips[i // 2](x)
            x, maps, assignments = layer(
                x, local[:, :, i], whole[:, i], None if noise is None else noise[i], positions, carried
            )
            carried = assignments if carries else None
            kept.append(maps if keep_maps else None)
            if i % 2 == 0:  # the last layer of a side
                x = x if past is None else (x + past) * math.sqrt(0.5)
                past = None
                if len(self.rgbs) > 1 and i + 1 < len(self.layers):
                    skip = self.rgbs[i // 2](x, whole[:, i + 1])
                    rgb = skip if rgb is None else self.upsample(rgb) + skip

        x = self.last(x, whole[:, -2])
        image = self.rgbs[-1](x, whole[:, -1])
        return Drawn(image if rgb is None else self.upsample(rgb) + image, tuple(kept))
