"""The published decoder: StyleGAN2's synthesis with a style at every pixel (Epstein et al. 2022, 3.1, eq. 5).

It starts from a 16 x 16 map of structure features, not from a constant, and every convolution is modulated by
the blobs' styles spread over the picture by their alphas:

    s(g) = sum_k a_k(g) m_k,   m_k = A psi_k + b        style map, m_k (C_in,)
    r(g) = 1 / sqrt(mean_c s_c(g)^2 + 1e-8)             only before 3 x 3 convolutions
    y = conv(x * s * r, W'),   W'_o = W_o / sqrt(sum W_o^2 + 1e-8)   a constant of the model

Two shortcuts, exact but for rounding: the mean square of s is a(g)^T G a(g) with the small Gram matrix G_jk =
m_j . m_k / C_in, so that r scales the alphas before they are spread; W' is computed once in evaluation.
Parameter names are those of the published checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kernels.splat import splat
from spatial_edit.nn.equalised import BiasActivation, EqualisedLinear, WeightCache
from spatial_edit.nn.resample import Blur, Upsample
from spatial_edit.nn.stylegan2 import BlockOutput

EPS = 1e-8


def decoder_widths(c_model: int, multiplier: int = 2) -> dict[int, int]:
    """Channels at every side: 8 c up to 32 px, then 4 c m, 2 c m, c m, c m / 2, c m / 4."""
    m = multiplier
    large = {64: 4 * c_model * m, 128: 2 * c_model * m, 256: c_model * m}
    large |= {512: c_model // 2 * m, 1024: c_model // 4 * m}
    return dict.fromkeys((4, 8, 16, 32), 8 * c_model) | large


class SpatiallyModulatedConv(nn.Module):
    """x (N, inputs, H, W), alphas (N, K + 1, H, W), styles (N, K + 1, style_dim) -> (N, outputs, H', W')."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        style_dim: int,
        *,
        demodulate: bool = True,
        up: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel))
        self.modulation = EqualisedLinear(style_dim, inputs, bias_init=1.0)
        if up:
            self.blur = Blur(1, gain=4.0)
        self.up, self.demodulate, self.padding = up, demodulate, kernel // 2
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self._cache = WeightCache()

    def _constant(self, weight: Tensor) -> Tensor:
        """W' as the convolution wants it: (out, in, k, k), or (in, out, k, k) for up-sampling."""
        scaled = weight[0] * self.scale
        if self.demodulate:
            scaled = scaled * (scaled.square().sum((1, 2, 3), keepdim=True) + EPS).rsqrt()
        if self.up:
            scaled = scaled.transpose(0, 1)
        return scaled.contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor, alphas: Tensor, styles: Tensor) -> Tensor:
        modulation = self.modulation(styles)  # (N, K + 1, C_in)
        if self.demodulate:
            gram = modulation @ modulation.transpose(1, 2) / modulation.shape[2]  # (N, K + 1, K + 1)
            square = (splat(alphas, gram) * alphas).sum(1, keepdim=True)  # (N, 1, H, W) mean of s^2
            alphas = alphas * (square + EPS).rsqrt()
        x = x * splat(alphas, modulation)

        weight = self._cache.get(self.weight, self._constant).to(x.dtype)
        if self.up:
            # stride 2 gives 2H + 1; the blur takes it to 2H
            return self.blur(F.conv_transpose2d(x, weight, stride=2))
        return F.conv2d(x, weight, padding=self.padding)


class Noise(nn.Module):
    """One learned strength for a layer's noise, zero at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return x if noise is None else x + (self.weight * noise).to(x.dtype)


class StyledConv(nn.Module):
    """Spatially modulated 3 x 3 convolution, noise, bias, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, style_dim: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = SpatiallyModulatedConv(inputs, outputs, 3, style_dim, up=up)
        self.noise = Noise()
        self.activate = BiasActivation(outputs)

    def forward(self, x: Tensor, alphas: Tensor, styles: Tensor, noise: Tensor | None) -> Tensor:
        return self.activate(self.noise(self.conv(x, alphas, styles), noise))


class ToRGB(nn.Module):
    """Modulated 1 x 1 convolution to RGB without normalisation, plus the up-sampled picture so far."""

    def __init__(self, inputs: int, style_dim: int, *, up: bool = True) -> None:
        super().__init__()
        if up:
            self.upsample = Upsample()
        self.conv = SpatiallyModulatedConv(inputs, 3, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, alphas: Tensor, styles: Tensor, skip: Tensor | None = None) -> Tensor:
        rgb = self.conv(x, alphas, styles) + self.bias.to(x.dtype)
        return rgb if skip is None else rgb + self.upsample(skip)


class SpatialDecoder(nn.Module):
    """Structure grid and alphas -> image. widths: channels at every side from size_in to resolution."""

    def __init__(
        self, *, resolution: int, size_in: int, widths: Mapping[int, int], feature_dim: int, style_dim: int
    ) -> None:
        super().__init__()
        steps = (resolution // size_in).bit_length() - 1
        if size_in << steps != resolution:
            raise ValueError(f"resolution {resolution}: must be size_in = {size_in} times a power of two")
        sides = [size_in << i for i in range(steps + 1)]
        self.conv1 = StyledConv(feature_dim, widths[size_in], style_dim)
        self.to_rgb1 = ToRGB(widths[size_in], style_dim, up=False)
        convs: list[nn.Module] = []
        for side in sides[1:]:
            convs.append(StyledConv(widths[side // 2], widths[side], style_dim, up=True))
            convs.append(StyledConv(widths[side], widths[side], style_dim))
        self.convs = nn.ModuleList(convs)
        self.to_rgbs = nn.ModuleList(ToRGB(widths[side], style_dim) for side in sides[1:])
        self.noise_sides = tuple(size_in << ((i + 1) // 2) for i in range(1 + len(convs)))

    def forward(
        self,
        grid: Tensor,
        alphas: Mapping[int, Tensor],
        styles: Tensor,
        noise: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """grid (N, feature_dim, size_in, size_in); alphas {side: (N, K + 1, side, side)}; styles
        (N, K + 1, style_dim); noise: one (N or 1, 1, r, r) a layer, r from `noise_sides`, or None for none.

        Returns (N, 3, resolution, resolution), nominally in [-1, 1], not clamped.
        """
        rgb: Tensor | None = None
        for block in self.blocks(grid, alphas, styles, noise):
            rgb = block.rgb
        assert rgb is not None
        return rgb

    def blocks(
        self,
        grid: Tensor,
        alphas: Mapping[int, Tensor],
        styles: Tensor,
        noise: Sequence[Tensor] | None = None,
    ) -> Iterator[BlockOutput]:
        """Side by side from size_in upwards, each computed when it is asked for. Arguments as in
        `forward`."""
        maps = self._checked_noise(noise)
        side = grid.shape[-1]
        x = self.conv1(grid, alphas[side], styles, maps[0])
        rgb = self.to_rgb1(x, alphas[side], styles)
        yield BlockOutput(side, x, rgb)
        for i, to_rgb in enumerate(self.to_rgbs):
            x = self.convs[2 * i](x, alphas[side], styles, maps[2 * i + 1])  # the style of the smaller side
            side *= 2
            x = self.convs[2 * i + 1](x, alphas[side], styles, maps[2 * i + 2])
            rgb = to_rgb(x, alphas[side], styles, rgb)
            yield BlockOutput(side, x, rgb)

    def _checked_noise(self, noise: Sequence[Tensor] | None) -> Sequence[Tensor | None]:
        if noise is None:
            return [None] * len(self.noise_sides)
        sides = tuple(n.shape[-1] for n in noise)
        if sides != self.noise_sides:
            raise ValueError(f"noise of sides {sides}: this decoder takes {self.noise_sides}")
        return noise
