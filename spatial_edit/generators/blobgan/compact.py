"""The small decoder of the bundled rooms model: splatted blob features to a picture.

As in BlobGAN every blob has one vector that is spread over the picture by its alpha map, and the decoder's
layers are modulated by the spread vectors at their own resolution (Epstein et al. 2022, section 3.2). What
differs, and why: a per-pixel two-layer network turns the spread vector and the position features into scale
and shift (a linear map of the vector alone cannot place a pillow on a bed); the norm is over the whole map;
up-sampling is bilinear (transposed convolutions left checkerboards after short trainings); each blob's mean
colour is splatted straight onto the picture (right colours after minutes, and a literal colour picker); there
is no noise."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.blobgan.shape import POSITION_FEATURES, PROFILE, BlobGeometry, Splat, splat
from spatial_edit.nn.equalised import WeightCache
from spatial_edit.nn.stylegan2 import BlockOutput

SURFACES = 5


@dataclass(frozen=True)
class CompactConfig:
    """Sizes of the small model. `slots` is the number of named rows, any number of blobs can use them."""

    resolution: int = 64
    slots: int = 21
    code: int = 20  # appearance numbers of a blob beside profile and colour
    background_code: int = 32
    feature: int = 40  # the vector that is splatted; with 24 position features 64 channels, a fast width
    modulation: int = 48  # hidden width of the per-pixel modulation network
    widths: tuple[tuple[int, int], ...] = ((8, 128), (16, 96), (32, 64), (64, 32))
    hidden: int = 128
    encoder_width: int = 32

    @property
    def row(self) -> int:
        """Length of a row of Latent.rows: profile 16, colour 3, code."""
        return PROFILE + 3 + self.code

    @property
    def background(self) -> int:
        """Length of Latent.background: planes 15, surface colours 15, code."""
        return 6 * SURFACES + self.background_code


class ScaledConv2d(nn.Module):
    """Convolution with equalised learning rate: weights N(0, 1), scaled at run time (Karras et al. 2018,
    section 4.1)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, gain: float = 1.0, stride: int = 1
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain * (math.sqrt(2) if kernel > 1 else 1.0) / math.sqrt(inputs * kernel * kernel)
        self.stride, self.padding = stride, kernel // 2
        self._scaled: defaultdict[torch.dtype, WeightCache] = defaultdict(WeightCache)

    def forward(self, x: Tensor) -> Tensor:
        weight = self._scaled[x.dtype].get(
            self.weight, lambda w: (w * self.scale).to(x.dtype, memory_format=torch.channels_last)
        )
        return F.conv2d(x, weight, self.bias.to(x.dtype), stride=self.stride, padding=self.padding)


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU, slope 0.2."""
    return F.leaky_relu(x, 0.2)


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers with leaky ReLU between them."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        layers += [nn.Linear(a, b)] + ([nn.LeakyReLU(0.2)] if i < len(sizes) - 2 else [])
    return nn.Sequential(*layers)


class ModulatedBlock(nn.Module):
    """1x1 conv and norm at the old resolution, bilinear x2, then twice: scale and shift by the layout, conv
    3x3."""

    def __init__(self, inputs: int, outputs: int, layout: int, hidden: int, upsample: bool) -> None:
        super().__init__()
        self.upsample = upsample
        self.entry = ScaledConv2d(inputs, outputs, 1)
        self.layout = ScaledConv2d(layout, hidden, 1)
        self.modulation = ScaledConv2d(hidden, 4 * outputs, 1, gain=0.5)
        self.first, self.second = ScaledConv2d(outputs, outputs), ScaledConv2d(outputs, outputs)
        self.to_rgb = ScaledConv2d(outputs, 3, 1, gain=0.5)

    def forward(self, x: Tensor, layout: Tensor, rgb: Tensor | None) -> tuple[Tensor, Tensor]:
        scale1, shift1, scale2, shift2 = self.modulation(activate(self.layout(layout))).chunk(4, 1)
        x = self.entry(x)
        x = x * (1 / (x.square().mean((1, 2, 3), keepdim=True).float().sqrt() + 1e-3)).to(x.dtype)
        if self.upsample:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

        x = activate(self.first(torch.addcmul(x, x, scale1) + shift1))
        x = activate(self.second(torch.addcmul(x, x, scale2) + shift2))
        out = self.to_rgb(x)
        if rgb is not None:
            out = out + F.interpolate(rgb, scale_factor=2, mode="bilinear", align_corners=False)
        return x, out


class CompactDecoder(nn.Module):
    """Layout and appearance to a picture (B, 3, R, R), nominally in [-1, 1]."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        c = self.config = config
        layout = c.feature + POSITION_FEATURES
        widths = dict(c.widths)
        self.slot_embedding = nn.Parameter(torch.randn(c.slots, 32))
        self.surface_embedding = nn.Parameter(torch.randn(SURFACES, 16))
        self.summary = nn.Linear(c.background, 24)
        self.blob_features = mlp(32 + c.code + 3 + 3 + 24, c.hidden, c.hidden, c.feature)
        self.surface_features = mlp(16 + 3 + c.background, c.hidden, c.hidden, c.feature)
        lowest = min(widths)
        self.entry = ScaledConv2d(layout, widths[lowest])
        self.blocks = nn.ModuleList()
        inputs = widths[lowest]
        for resolution, width in c.widths:
            self.blocks.append(ModulatedBlock(inputs, width, layout, c.modulation, resolution > lowest))
            inputs = width

    def splatted(self, g: BlobGeometry, rows: Tensor, slots: Tensor, background: Tensor) -> Tensor:
        """(B, K + 5, feature): the vector of each blob and surface. rows (B, K, row); slots (B, K) long, or
        (B, K, slots) float: how much a blob is of each."""
        batch, count = slots.shape[:2]
        colour, code = rows[..., PROFILE : PROFILE + 3], rows[..., PROFILE + 3 :]
        summary = self.summary(background)
        stretch = g.aspects.log()
        geometry = torch.stack(
            [g.sizes.log() + 2, stretch * (2 * g.angles).cos(), stretch * (2 * g.angles).sin()], -1
        )
        embedded = self.slot_embedding[slots] if slots.dim() == 2 else slots @ self.slot_embedding
        parts = [embedded, code, colour, geometry, summary[:, None].expand(-1, count, -1)]
        blobs = self.blob_features(torch.cat(parts, -1))
        colours = background[:, 3 * SURFACES : 6 * SURFACES].unflatten(1, (SURFACES, 3))
        parts = [
            self.surface_embedding.expand(batch, -1, -1),
            colours,
            background[:, None].expand(-1, SURFACES, -1),
        ]
        return torch.cat([blobs, self.surface_features(torch.cat(parts, -1))], 1)

    def forward(
        self,
        g: BlobGeometry,
        rows: Tensor,
        slots: Tensor,
        background: Tensor,
        maps: Splat | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        resolution = self.config.resolution
        maps = splat(g, resolution) if maps is None else maps
        rgb: Tensor | None = None
        for block in self.stages(g, rows, slots, background, maps, dtype):
            rgb = block.rgb
        assert rgb is not None

        ownership = maps.weights.transpose(1, 2)  # (B, P, K + 5)
        colours = background[:, 3 * SURFACES : 6 * SURFACES].unflatten(1, (SURFACES, 3))
        colours = torch.cat([rows[..., PROFILE : PROFILE + 3], colours], 1)
        skip = (ownership @ colours).transpose(1, 2).unflatten(2, (resolution, resolution))
        return rgb.float() + skip

    def stages(
        self,
        g: BlobGeometry,
        rows: Tensor,
        slots: Tensor,
        background: Tensor,
        maps: Splat,
        dtype: torch.dtype = torch.float32,
    ) -> Iterator[BlockOutput]:
        """Block by block, each computed when it is asked for. Arguments as in `forward`."""
        resolution = self.config.resolution
        ownership = maps.weights.transpose(1, 2)  # (B, P, K + 5)
        vectors = self.splatted(g, rows, slots, background).to(dtype)
        layout = torch.cat([ownership.to(dtype) @ vectors, maps.features.to(dtype)], 2)
        layout = layout.unflatten(1, (resolution, resolution)).permute(0, 3, 1, 2)  # channels last in memory

        pyramid = {resolution: layout}
        for side, _ in reversed(self.config.widths[:-1]):
            pyramid[side] = F.avg_pool2d(pyramid[side * 2], 2)
        lowest = self.config.widths[0][0]
        x, rgb = activate(self.entry(pyramid[lowest])), None
        for (side, _), block in zip(self.config.widths, self.blocks, strict=True):
            x, rgb = block(x, pyramid[side], rgb)
            yield BlockOutput(side, x, rgb)
