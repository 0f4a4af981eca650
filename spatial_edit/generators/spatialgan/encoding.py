"""Spatial encoding layers: how a heatmap enters the features of a generator (EqGAN-SA, Wang et al. 2022,
section 3.2; SpatialGAN, Wang et al. 2023, equation 2, "SEL_norm").

    y   = norm(x) * (1 + scale(f)) + shift(f),   f = lrelu(conv(H))
    out = x + 0.1 * conv(lrelu(y))

scale and shift are maps of one channel, the same for all channels of x; norm is over the pixels of every
channel. The 1 in front of the scale, the residual's 0.1 and its convolution are those of the published
network; the equation in the paper lacks them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.nn.equalised import GAIN, SLOPE, EqualisedConv2d

RESIDUAL = 0.1


class BiasedConv(EqualisedConv2d):
    """3 x 3 convolution with equalised weights and a bias; then a leaky ReLU times `gain`, where one is
    given."""

    def __init__(self, inputs: int, outputs: int, *, gain: float | None = None) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x) + self.bias.to(x.dtype)[None, :, None, None]
        return y if self.gain is None else F.leaky_relu(y, SLOPE) * self.gain


class HeatmapProjection(nn.Sequential):
    """The maps of one level (B, centres, H, W) -> features (B, width, H, W), with `hidden` between."""

    def __init__(self, centres: int, hidden: int, width: int) -> None:
        # the second gain is sqrt(2) of the activation times the sqrt(1/2) that the layer asks for
        super().__init__(
            BiasedConv(centres, hidden, gain=GAIN), BiasedConv(hidden, width, gain=GAIN * math.sqrt(0.5))
        )


def resized(heat: Tensor, side: int) -> Tensor:
    """Heatmap features (B, M, R, R) -> (B, M, side, side): bilinear between aligned corners."""
    if heat.shape[-1] == side:
        return heat
    return F.interpolate(heat, size=(side, side), mode="bilinear", align_corners=True)


class SpatialEncoding(nn.Module):
    """SEL_norm: features x (B, channels, h, w) and heatmap features (B, heat, any, any) -> as x.

    hidden: width of the convolution that scale and shift share.
    """

    def __init__(self, channels: int, heat: int, hidden: int = 64) -> None:
        super().__init__()
        self.shared = BiasedConv(heat, hidden, gain=GAIN)
        self.scale_map = BiasedConv(hidden, 1)
        self.shift_map = BiasedConv(hidden, 1)
        self.output = BiasedConv(channels, channels)

    def forward(self, x: Tensor, heat: Tensor) -> Tensor:
        f = self.shared(resized(heat, x.shape[-1]).to(x.dtype))  # (B, hidden, h, w)
        y = torch.addcmul(self.shift_map(f), F.instance_norm(x), 1 + self.scale_map(f))

        return x + RESIDUAL * self.output(F.leaky_relu(y, SLOPE))
