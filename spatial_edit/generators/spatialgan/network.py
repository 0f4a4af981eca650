"""SpatialGAN's generator (Wang et al., "Spatial Steerability of GANs via Self-Supervision from
Discriminator", 2023): a StyleGAN2 whose coarse layers see a heatmap before they are styled.

    levels -> drawn at each side -> encodings --+
    z -> mapping -> codes                       |
    const -> [encoding -> styled layer] .. [encoding -> to RGB] .. -> image

Hierarchy: level i (1, 2, 4 centres) enters at side 4 * 2^i. Objects: one level whose sub-heatmaps enter at
every encoded side, and with `indoor` each has a style code of its own (equation 3). `flatten` draws all
levels at 8 x 8 and joins them to z, the paper's weakest variant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from spatial_edit.generators.spatialgan.layers import (
    ConcatEncoding,
    NormEncoding,
    spatial_layer,
    spatial_rgb,
    style_map,
)
from spatial_edit.generators.spatialgan.levels import Levels
from spatial_edit.generators.spatialgan.prior import Joint, Learned, Prior, Spread, Table
from spatial_edit.nn.equalised import EqualisedLinear
from spatial_edit.nn.mapping import MappingNetwork
from spatial_edit.nn.stylegan2 import BlockOutput, StyledLayer, SynthesisNetwork, ToRGB

ENCODINGS = ("none", "norm", "concat", "flatten")
FLAT_SIDE = 8  # of the maps that `flatten` joins to z
LEVEL_SIDES = (4, 8, 16)
PAPER = Spread()


@dataclass(frozen=True)
class SpatialConfig:
    """Sizes of a SpatialGAN. channels: width at every side 4 .. resolution.

    centres: of each level; one level means that its sub-heatmaps enter at every encoded side. encoding: of
    `ENCODINGS`. indoor: style codes for the sub-heatmaps of the one level, at all sides. shared, coarse:
    see `NormEncoding`. encoded: the largest side with an encoding.
    """

    resolution: int = 64
    channels: Mapping[int, int] = field(default_factory=lambda: {4: 128, 8: 128, 16: 128, 32: 64, 64: 32})
    z_dim: int = 128
    w_dim: int = 128
    mapping_layers: int = 4
    centres: tuple[int, ...] = (1, 2, 4)
    encoding: str = "norm"
    indoor: bool = False
    shared: bool = False
    coarse: bool = True
    encoded: int = 16
    hidden: int = 32
    object_dim: int = 0  # length of an object's own latent, 0 without `indoor`
    joined: int = 0  # from this side on all levels enter together, as in the published network; 0: nowhere
    entry: bool = False  # the code also gives a map of 4 x 4 that is added to the constant input
    slopes: bool = False  # the encodings also see H times (p - c) / sigma
    points: int = 0  # length of the prior's vector of learned centres, 0: none
    prior: Prior = PAPER  # where the centres of a seed lie

    def levels_at(self, side: int) -> tuple[int, ...]:
        """Which levels enter at a side, side by side; none: no encoding there."""
        if side > self.encoded:
            return ()
        if len(self.centres) == 1 or 0 < self.joined <= side:
            return tuple(range(len(self.centres)))
        return (LEVEL_SIDES.index(side),) if side in LEVEL_SIDES[: len(self.centres)] else ()


class EncodedHeat(NamedTuple):
    """What the layers need of a heatmap: kept as long as the heatmap stays."""

    layers: tuple[tuple[Tensor, ...] | None, ...]  # of the encoding before each layer
    rgbs: tuple[tuple[Tensor, ...] | None, ...]  # before each RGB output
    maps: Mapping[int, Tensor]  # (B, n, s, s) of each side, for `indoor`


Encoding = NormEncoding | ConcatEncoding


class SpatialSynthesis(SynthesisNetwork):
    """Codes, encoded heatmap and noise -> image."""

    def __init__(self, config: SpatialConfig) -> None:
        super().__init__(config.resolution, config.channels, config.w_dim)
        self.config = config
        self.entry = EqualisedLinear(config.w_dim, 16 * config.channels[4]) if config.entry else None
        self.encodings, self.rgb_encodings = nn.ModuleDict(), nn.ModuleDict()
        for step, side in enumerate(self.sides):
            maps = sum(config.centres[level] for level in config.levels_at(side))
            if not maps or config.encoding in ("none", "flatten"):
                continue
            for i in range(2 * step - 1 if step else 0, 2 * step + 1):
                up = bool(step) and i == 2 * step - 1
                width = config.channels[side // 2 if up else side]
                self.encodings[str(i)] = self._encoding(width, maps)
            self.rgb_encodings[str(step)] = self._encoding(config.channels[side], maps)

    def _encoding(self, channels: int, maps: int) -> nn.Module:
        config = self.config
        maps *= 3 if config.slopes else 1
        if config.encoding == "concat":
            return ConcatEncoding(channels, maps, coarse=config.coarse)
        return NormEncoding(channels, maps, config.hidden, shared=config.shared, coarse=config.coarse)

    def encode(self, levels: Levels) -> EncodedHeat:
        """The part of the work that depends on the heatmap alone. Gradients flow to the centres."""
        drawn: dict[tuple[int, int], Tensor] = {}

        def maps(block: int, side: int) -> Tensor:
            side, which = side if self.config.coarse else self.config.resolution, self.config.levels_at(block)
            for level in which:
                if (level, side) not in drawn:
                    drawn[level, side] = levels[level].draw(side, slopes=self.config.slopes)
            return torch.cat([drawn[level, side] for level in which], 1)

        layers: list[tuple[Tensor, ...] | None] = [None] * len(self.layers)
        rgbs: list[tuple[Tensor, ...] | None] = [None] * len(self.rgbs)
        for name, module in self.encodings.items():
            i, encoding = int(name), cast("Encoding", module)
            step = (i + 1) // 2
            side = self.sides[step] // 2 if step and i == 2 * step - 1 else self.sides[step]
            layers[i] = encoding.encode(maps(self.sides[step], side), side)
        for name, module in self.rgb_encodings.items():
            side, encoding = self.sides[int(name)], cast("Encoding", module)
            rgbs[int(name)] = encoding.encode(maps(side, side), side)
        styled = {s: levels[0].draw(s) for s in self.sides} if self.config.indoor else {}
        return EncodedHeat(tuple(layers), tuple(rgbs), styled)

    def forward(  # type: ignore[override]
        self,
        codes: Tensor,
        heat: EncodedHeat | Levels,
        noise: Sequence[Tensor] | None = None,
        objects: Tensor | None = None,
    ) -> Tensor:
        """(B, 3, R, R). codes as StyleGAN2's, objects (B, n, w_dim) with `indoor`. Levels are encoded
        here."""
        if not isinstance(heat, EncodedHeat):
            heat = self.encode(heat)
        rgb: Tensor | None = None
        for block in self.blocks(codes, noise, heat, objects):
            rgb = block.rgb
        assert rgb is not None
        return rgb

    def blocks(  # type: ignore[override]
        self,
        codes: Tensor,
        noise: Sequence[Tensor] | None,
        heat: EncodedHeat,
        objects: Tensor | None = None,
    ) -> Iterator[BlockOutput]:
        """Block by block, each computed when it is asked for."""
        if codes.dim() == 2:
            codes = codes[:, None].expand(-1, self.num_codes, -1)
        if self.config.indoor and objects is None:
            raise ValueError("this network paints objects: give their codes")
        x = self.const[None].expand(codes.shape[0], -1, -1, -1)
        if self.entry is not None:
            x = x + self.entry(codes[:, 0]).unflatten(1, (-1, 4, 4))
        if torch.is_autocast_enabled(codes.device.type):
            x = x.to(torch.get_autocast_dtype(codes.device.type))
        x = x.contiguous(memory_format=torch.channels_last)
        rgb: Tensor | None = None
        for step, side in enumerate(self.sides):
            for i in range(2 * step - 1 if step else 0, 2 * step + 1):
                if (kept := heat.layers[i]) is not None:
                    x = self.encodings[str(i)](x, kept)
                one, layer = None if noise is None else noise[i], cast("StyledLayer", self.layers[i])
                if objects is None:
                    x = layer(x, codes[:, i], one)
                else:
                    styles = style_map(layer.conv, codes[:, i], objects, heat.maps[x.shape[-1]])
                    x = spatial_layer(layer, x, styles, one)
            y = x
            if (kept := heat.rgbs[step]) is not None:
                y = self.rgb_encodings[str(step)](y, kept)
            code, output = codes[:, 2 * step + 1], cast("ToRGB", self.rgbs[step])
            if objects is None:
                own = output(y, code)
            else:
                own = spatial_rgb(output, y, style_map(output.conv, code, objects, heat.maps[side]))
            rgb = own if rgb is None else self.upsample(rgb) + own
            yield BlockOutput(side, x, rgb)


class SpatialGAN(nn.Module):
    """z, levels and noise -> images. `w_mean` is the mean code, zero until `measure_mean`.

    points_mean (P,), points_factor (P, P): the normal distribution that the centres' learned offsets are
    drawn from. layout_table (N, n, 4), of a `Table` alone: presence, x, y and sigma of the objects of N
    pictures. joint_mean (J,), joint_factor (J, J), of a `Joint` alone: the normal distribution of z, layout
    and latents.
    """

    w_mean: Tensor
    points_mean: Tensor
    points_factor: Tensor
    layout_table: Tensor
    joint_mean: Tensor
    joint_factor: Tensor

    def __init__(self, config: SpatialConfig) -> None:
        super().__init__()
        self.config = config
        flat = FLAT_SIDE**2 * len(config.centres) if config.encoding == "flatten" else 0
        self.mapping = MappingNetwork(
            config.z_dim + flat, config.w_dim, hidden=config.w_dim, layers=config.mapping_layers
        )
        self.synthesis = SpatialSynthesis(config)
        self.object_mapping = (
            MappingNetwork(config.object_dim + config.centres[0], config.w_dim, hidden=config.w_dim, layers=2)
            if config.indoor
            else None
        )
        self.register_buffer("w_mean", torch.zeros(config.w_dim))
        self.register_buffer("points_mean", torch.zeros(config.points))
        self.register_buffer("points_factor", torch.zeros(config.points, config.points))
        if isinstance(config.prior, Table):
            self.register_buffer("layout_table", torch.zeros(config.prior.rows, config.centres[0], 4))
        if isinstance(config.prior, Joint):
            size = config.z_dim + config.centres[0] * (4 + config.object_dim)
            self.register_buffer("joint_mean", torch.zeros(size))
            self.register_buffer("joint_factor", torch.zeros(size, size))

    @property
    def learned(self) -> Learned:
        """What the prior draws with."""
        own = dict(self.named_buffers(recurse=False))
        names = ("layout_table", "joint_mean", "joint_factor")  # each there with its prior alone
        return Learned(self.points_mean, self.points_factor, *(own.get(name) for name in names))

    def codes(self, z: Tensor, levels: Levels, truncation: float = 0.0) -> Tensor:
        """(B, w_dim) of z (B, z_dim); `flatten` alone looks at the levels."""
        if self.config.encoding == "flatten":
            flat = [level.draw(FLAT_SIDE).sum(1).flatten(1) for level in levels]
            z = torch.cat([z, *flat], 1)
        w = self.mapping(z)
        return torch.lerp(w, self.w_mean.to(w.dtype), truncation) if truncation else w

    def object_codes(self, latents: Tensor) -> Tensor:
        """(B, n, w_dim) of the objects' own latents (B, n, object_dim): the mapping also hears which of the
        sub-heatmaps it speaks for."""
        assert self.object_mapping is not None
        batch, count, _ = latents.shape
        which = torch.eye(count, device=latents.device, dtype=latents.dtype).expand(batch, -1, -1)
        return self.object_mapping(torch.cat([latents, which], 2).flatten(0, 1)).unflatten(0, (batch, count))

    def forward(
        self,
        z: Tensor,
        levels: Levels,
        noise: Sequence[Tensor] | None = None,
        latents: Tensor | None = None,
    ) -> Tensor:
        objects = None if latents is None else self.object_codes(latents)
        return self.synthesis(self.codes(z, levels), self.synthesis.encode(levels), noise, objects)
