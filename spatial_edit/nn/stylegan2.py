"""StyleGAN2's synthesis network (Karras et al. 2020, sections 2.2 and 4.1; figure 7b "output skips").

Modulated convolution, written with activations instead of weights: with style s (B, C_in) and weights W,

    y = d * conv(x * s, W'),   d_o = 1 / sqrt(sum_iuv (W'_oiuv s_i)^2 + 1e-8),   W' = W / sqrt(C_in k^2)
 which equals scaling W by s for every sample (their equations 1 and 3), but is one ordinary convolution for
the batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.nn.equalised import EqualisedLinear, biased_leaky_relu
from spatial_edit.nn.resample import Blur, Upsample


class ModulatedConv(nn.Module):
    """x (B, inputs, H, W), w (B, w_dim) -> (B, outputs, H, W), or (B, outputs, 2H, 2W) with `up`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, w_dim: int, *, demodulate: bool = True, up: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.affine = EqualisedLinear(w_dim, inputs, bias_init=1.0)
        self.blur = Blur(1, gain=4.0) if up else None
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.demodulate, self.padding = demodulate, kernel // 2

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)  # (B, C_in)
        weight = self.weight * self.scale
        x = x * style.to(x.dtype)[:, :, None, None]

        if self.blur is None:
            y = F.conv2d(x, weight.to(x.dtype), padding=self.padding)
        else:
            # stride 2 gives 2H + 1; the blur takes it to 2H
            y = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1).to(x.dtype), stride=2))

        if not self.demodulate:
            return y
        energy = style.float().square() @ weight.float().square().sum((2, 3)).t()  # (B, C_out)
        return y * (energy + 1e-8).rsqrt().to(y.dtype)[:, :, None, None]


class StyledLayer(nn.Module):
    """Modulated 3 x 3 convolution, noise times one learned number, bias, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, w_dim, up=up)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        y = self.conv(x, w)
        if noise is not None:
            y = y + (self.noise_strength * noise).to(y.dtype)
        return biased_leaky_relu(y, self.bias)


class ToRGB(nn.Module):
    """Modulated 1 x 1 convolution to the image's channels, without demodulation, plus bias."""

    def __init__(self, inputs: int, w_dim: int, image_channels: int = 3) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, image_channels, 1, w_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(image_channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.conv(x, w) + self.bias.to(x.dtype)[None, :, None, None]


class SynthesisNetwork(nn.Module):
    """Per-layer codes -> image. channels: width at every side 4, 8, .., resolution.

    Layer i (0: side 4; 2j - 1 and 2j: side 4 * 2^j) takes code i; the RGB output of a side takes the code
    after that side's last layer. So there are `num_codes` = 2 * log2(resolution) - 2 codes.
    """

    def __init__(self, resolution: int, channels: Mapping[int, int], w_dim: int) -> None:
        super().__init__()
        sides = [4 << i for i in range(resolution.bit_length()) if 4 << i <= resolution]
        if sides[-1:] != [resolution]:
            raise ValueError(f"resolution {resolution}: must be a power of two, 4 or more")
        missing = [side for side in sides if side not in channels]
        if missing:
            raise ValueError(f"channels has no width for side {missing}: give one for each of {sides}")
        self.const = nn.Parameter(torch.randn(channels[4], 4, 4))
        layers = [StyledLayer(channels[4], channels[4], w_dim)]
        for side in sides[1:]:
            layers.append(StyledLayer(channels[side // 2], channels[side], w_dim, up=True))
            layers.append(StyledLayer(channels[side], channels[side], w_dim))
        self.layers = nn.ModuleList(layers)
        self.rgbs = nn.ModuleList(ToRGB(channels[side], w_dim) for side in sides)
        self.upsample = Upsample()
        self.noise_sides = tuple(4 << ((i + 1) // 2) for i in range(len(layers)))

    @property
    def num_codes(self) -> int:
        return len(self.layers) + 1

    def forward(self, codes: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """codes: (B, w_dim) or (B, num_codes, w_dim); noise: one (B or 1, 1, r, r) a layer, or None for none.

        Returns (B, 3, R, R), nominally in [-1, 1], not clamped.
        """
        if codes.dim() == 2:
            codes = codes[:, None].expand(-1, self.num_codes, -1)
        if noise is not None and len(noise) != len(self.layers):
            raise ValueError(f"{len(noise)} noise maps given, this network has {len(self.layers)} layers")
        x = self.const[None].expand(codes.shape[0], -1, -1, -1)  # (B, C, 4, 4)
        if self.const.dtype == torch.float32 and torch.is_autocast_enabled(codes.device.type):
            x = x.to(torch.get_autocast_dtype(codes.device.type))
        rgb: Tensor | None = None
        for i, layer in enumerate(self.layers):
            x = layer(x, codes[:, i], None if noise is None else noise[i])
            if i % 2 == 0:  # the last layer of a side
                skip = self.rgbs[i // 2](x, codes[:, i + 1])
                rgb = skip if rgb is None else self.upsample(rgb) + skip
        assert rgb is not None
        return rgb
