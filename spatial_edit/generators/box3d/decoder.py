"""Decoder: from parts and maps to a picture.

Every part (and each of the room's surfaces) has a learned vector: an MLP of its kind, colours, texture, size
and facing, and of a summary of the room's lights and surfaces. A pixel's description F is the mean vector of
the parts behind its sub-pixels, the `maps` features, and a rough shading: Lambert's law on the parts' colours
with the light maps. A small U-less pyramid from 8 px up paints the picture, modulated by F at every level
(as SPADE does, Park et al. 2019, eq. 1, without its batch norm); its output is added to the rough shading, so
that a colour set in the layout is literally the colour that is lit.

Blocks: 1 x 1 convolution at the old resolution, RMS normalisation of the whole map, bilinear doubling, then
twice x (1 + m(F)) + b(F), 3 x 3 convolution, leaky ReLU. No noise is injected."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.box3d.maps import FEATURES, LIGHT, NORMAL, Maps
from spatial_edit.generators.box3d.parts import (
    BACKGROUND,
    FLOOR_OF_SHARE,
    SURFACE_FIELDS,
    TEXTURES,
    TYPES,
    BoxBatch,
    Parts,
)
from spatial_edit.generators.box3d.rays import SHELL
from spatial_edit.layouts.boxes3d import AMBIENT, EXPOSURE, KEY_COLOUR, LAMP_COLOUR

GAMMA = 2.2
_ROOM = 22 + SHELL * 3 + BACKGROUND + 3  # lights, surface colours, textures, size


@dataclass(frozen=True)
class Box3DConfig:
    """Sizes of the decoder. `widths` are the channels from 8 px upwards, one a level."""

    resolution: int = 64
    widths: tuple[int, ...] = (96, 96, 64, 32)
    vector: int = 48
    embedding: int = 32
    hidden: int = 128
    modulation: int = 48
    summary: int = 24

    def __post_init__(self) -> None:
        if self.resolution != 4 * 2 ** len(self.widths):
            raise ValueError(f"{len(self.widths)} levels end at {4 * 2 ** len(self.widths)} px")


class Convolution(nn.Module):
    """k x k with an equalised learning rate: weights of unit variance times gain / sqrt(inputs k²)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain * (math.sqrt(2) if kernel > 1 else 1.0) / math.sqrt(inputs * kernel * kernel)
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight * self.scale).to(x.dtype, memory_format=torch.channels_last)
        return F.conv2d(x, weight, self.bias.to(x.dtype), padding=self.padding)


class Block(nn.Module):
    """One level of the pyramid; see the module's docstring. x (B, C, r, r) → (B, C', R, R) and rgb."""

    def __init__(self, inputs: int, outputs: int, described: int, modulation: int, double: bool) -> None:
        super().__init__()
        self.doubles = double
        self.entry = Convolution(inputs, outputs, 1)
        self.describe = Convolution(described, modulation, 1)
        self.modulate = Convolution(modulation, 4 * outputs, 1, gain=0.5)
        self.first, self.second = Convolution(outputs, outputs), Convolution(outputs, outputs)
        self.to_rgb = Convolution(outputs, 3, 1, gain=0.1)

    def forward(self, x: Tensor, pixels: Tensor, rgb: Tensor | None) -> tuple[Tensor, Tensor]:
        m1, b1, m2, b2 = self.modulate(_act(self.describe(pixels))).chunk(4, 1)
        x = self.entry(x)
        x = x * (1 / (x.square().mean((1, 2, 3), keepdim=True).float().sqrt() + 1e-3)).to(x.dtype)
        if self.doubles:
            x = _double(x)
        x = _act(self.first(torch.addcmul(x, x, m1) + b1))
        x = _act(self.second(torch.addcmul(x, x, m2) + b2))
        here = self.to_rgb(x)
        return x, here if rgb is None else here + _double(rgb)


class RoomDecoder(nn.Module):
    """(parts, maps) of B rooms → pictures (B, 3, R, R), about [-1, 1]."""

    def __init__(self, config: Box3DConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.kinds = nn.Parameter(torch.randn(TYPES + SHELL, c.embedding))
        self.summary = nn.Linear(_ROOM, c.summary)
        inputs = c.embedding + 3 + 3 + TEXTURES + 5 + 1 + 3 + 4 + c.summary
        self.vectors = nn.Sequential(
            nn.Linear(inputs, c.hidden), nn.LeakyReLU(0.2), nn.Linear(c.hidden, c.hidden), nn.LeakyReLU(0.2),
            nn.Linear(c.hidden, c.vector),
        )  # fmt: skip
        described = c.vector + FEATURES + 3
        self.stem = Convolution(described, c.widths[0])
        blocks, channels = [], c.widths[0]
        for level, width in enumerate(c.widths):
            blocks.append(Block(channels, width, described, c.modulation, double=level > 0))
            channels = width
        self.blocks = nn.ModuleList(blocks)

    def forward(
        self, batch: BoxBatch, parts: Parts, maps: Maps, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """`dtype` is that of the convolutions; everything else is float32."""
        top = self.config.resolution
        table, rough_table = self.part_vectors(batch, parts)  # (B, 5 + P, vector), (B, 5 + P, 4)
        gathered = gather(torch.cat([table, rough_table], -1), maps.labels, top)  # (B, V + 4, R, R)
        rough = shade(batch, gathered[:, -4:], maps.features)
        pixels = [gathered[:, :-4], maps.features, rough]
        pyramid = [torch.cat([p.to(dtype, memory_format=torch.channels_last) for p in pixels], 1)]
        for _ in self.config.widths[1:]:
            pyramid.append(F.avg_pool2d(pyramid[-1], 2))

        x, rgb = _act(self.stem(pyramid[-1])), None
        for block, at in zip(self.blocks, reversed(pyramid), strict=True):
            x, rgb = block(x, at, rgb)
        assert rgb is not None
        return rgb.float() + rough

    def part_vectors(self, batch: BoxBatch, parts: Parts) -> tuple[Tensor, Tensor]:
        """Vectors (B, 5 + P, V) of the surfaces and parts, and their linear colour and glow (B, 5 + P, 4)."""
        b, p = parts.exists.shape
        shell = batch.background.view(b, SHELL, len(SURFACE_FIELDS))
        kinds = torch.cat([torch.arange(SHELL, device=shell.device).expand(b, SHELL) + TYPES, parts.types], 1)
        colours = torch.cat([batch.surfaces, parts.colours], 1)
        second = (batch.surfaces + FLOOR_OF_SHARE) * shell[..., 1:2] - FLOOR_OF_SHARE
        seconds = torch.cat([second.clamp(0, 1), parts.seconds], 1)
        textures = torch.cat([shell[..., 0].round().long().clamp(0, TEXTURES - 1), parts.textures], 1)
        patterns = torch.cat([shell[..., 2:5], parts.patterns], 1)
        glow = torch.cat([0 * shell[..., 5], parts.glow], 1)
        sheen = torch.cat([shell[..., 5], 0 * parts.glow], 1)
        halves = torch.cat([(batch.room / 2)[:, None].expand(b, SHELL, 3), parts.halves], 1)
        facings = torch.cat([torch.zeros(b, SHELL, dtype=torch.int64, device=shell.device), parts.facings], 1)
        room = [batch.lights, batch.surfaces.flatten(1), batch.background / 2, batch.room / 3]
        summary = F.leaky_relu(self.summary(torch.cat(room, 1)), 0.2)[:, None].expand(b, SHELL + p, -1)
        phase = patterns[..., 1]
        numbers = torch.stack(
            [patterns[..., 0] / 4, phase / 10, patterns[..., 2], phase.sin(), phase.cos()], -1
        )
        described = [
            self.kinds[kinds], 2 * colours - 1, 2 * seconds - 1, F.one_hot(textures, TEXTURES).float(),
            numbers, (glow + sheen)[..., None], halves, F.one_hot(facings, 4).float(), summary,
        ]  # fmt: skip
        lit = torch.cat([colours.clamp(min=0.01) ** GAMMA, glow[..., None]], -1)
        return self.vectors(torch.cat(described, -1)), lit


def gather(table: Tensor, labels: Tensor, side: int) -> Tensor:
    """(B, C, S, S) the mean over a pixel's sub-pixels of the vectors (B, N, C) that `labels` (B, S·S, n)
    names."""
    b, n, _ = table.shape
    offsets = torch.arange(b, device=table.device).view(b, 1, 1) * n
    flat = (labels.long() + offsets).flatten(0, 1)
    mixed = F.embedding_bag(flat, table.flatten(0, 1), mode="mean")
    return mixed.view(b, side, side, -1).permute(0, 3, 1, 2)


def shade(batch: BoxBatch, lit: Tensor, features: Tensor) -> Tensor:
    """(B, 3, S, S) in [-1, 1]: Lambert's law on the linear colours and glow (B, 4, S, S), tone-mapped by the
    rational fit of Narkowicz (2015)."""
    near, far, _, key, lamp, _ = features[:, LIGHT].unbind(1)  # (B, S, S) each
    _, up, back = features[:, NORMAL].unbind(1)
    open_ = ((1 - 0.45 * (1 - near)) * (1 - 0.4 * (1 - far)))[:, None]

    def colour(values: Tensor) -> Tensor:
        return values[..., None, None]  # (B, 3, 1, 1)

    ambient, lights = colour(batch.lights[:, AMBIENT]), batch.lights
    floor = colour(batch.surfaces[:, 0].clamp(min=0) ** GAMMA)
    light = ambient * (0.62 + 0.23 * up - 0.12 * back)[:, None] * open_
    light = light + floor * ambient * ((0.5 - 0.5 * up) * 0.35)[:, None] * open_
    light = light + colour(lights[:, KEY_COLOUR]) * (key[:, None] * (0.35 + 0.65 * open_) + 0.1 * open_)
    light = light + colour(lights[:, LAMP_COLOUR]) * lamp[:, None] * (0.3 + 0.7 * open_)
    albedo, glow = lit[:, :3], lit[:, 3:]
    out = (albedo * light * 1.25 + glow * (albedo * 0.9 + 0.08)) * lights[:, EXPOSURE, None, None, None]
    out = out * 0.75
    out = (out * (2.51 * out + 0.03) / (out * (2.43 * out + 0.59) + 0.14)).clamp(1e-4, 1)
    return 2 * out ** (1 / GAMMA) - 1


def _act(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
