"""The residual discriminator of StyleGAN2 (Karras et al. 2020, figure 7c), used by every family.

Without the mini-batch standard deviation and with more outputs it is also BlobGAN's inversion encoder
(Epstein et al. 2022, section 4.4). Parameter names follow the common layout (`convs.j.conv1.0.weight`,
...), so that published weights load by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from spatial_edit.nn.equalised import BiasActivation, EqualisedConv2d, EqualisedLinear
from spatial_edit.nn.resample import Blur


def minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """Appends one channel: the standard deviation over a group of images, averaged over channels and pixels.

    x: (B, C, H, W) -> (B, C + 1, H, W). The group has G = min(B, group) images and interleaves: image j is
    with j + B/G, j + 2B/G, ... (Karras et al. 2018, section 3). ValueError when G does not divide B.
    """
    batch, _, height, width = x.shape
    size = min(batch, group)
    if batch % size:
        raise ValueError(f"batch of {batch} images with groups of {size}: use a batch divisible by {size}")
    grouped = x.float().unflatten(0, (size, batch // size))  # (G, B/G, C, H, W)
    deviation = (grouped.var(0, unbiased=False) + 1e-8).sqrt()
    deviation = deviation.mean((1, 2, 3), keepdim=True).to(x.dtype)  # (B/G, 1, 1, 1)
    return torch.cat([x, deviation.repeat(size, 1, height, width)], 1)


def _down_conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Blur, then a convolution that halves the side. (1 x 1: the blur may drop the pixels itself.)"""
    if kernel == 1:
        return [Blur(1, stride=2), EqualisedConv2d(inputs, outputs, 1)]
    return [Blur(2), EqualisedConv2d(inputs, outputs, kernel, stride=2)]


class ResidualBlock(nn.Module):
    """(B, inputs, H, W) -> (B, outputs, H/2, W/2): two 3 x 3 convolutions plus a skip, over sqrt(2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(EqualisedConv2d(inputs, inputs, 3, padding=1), BiasActivation(inputs))
        self.conv2 = nn.Sequential(*_down_conv(inputs, outputs, 3), BiasActivation(outputs))
        self.skip = nn.Sequential(*_down_conv(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) * math.sqrt(0.5)


class Discriminator(nn.Module):
    """Images (B, in_channels, R, R) in [-1, 1] -> logits (B, outputs); large means real.

    channels: width at every side 4, 8, .., resolution. group: mini-batch standard deviation over groups of
    so many images; 0 turns it off, and the pictures of a batch no longer influence each other.
    """

    def __init__(
        self,
        resolution: int,
        channels: Mapping[int, int],
        *,
        group: int = 4,
        outputs: int = 1,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        sides = [resolution >> i for i in range(resolution.bit_length()) if resolution >> i >= 4]
        if resolution < 8 or resolution & (resolution - 1):
            raise ValueError(f"resolution {resolution}: must be a power of two, 8 or more")
        missing = [side for side in sides if side not in channels]
        if missing:
            raise ValueError(f"channels has no width for side {missing}: give one for each of {sides}")
        first = nn.Sequential(
            EqualisedConv2d(in_channels, channels[resolution], 1), BiasActivation(channels[resolution])
        )
        blocks = [ResidualBlock(channels[side], channels[side // 2]) for side in sides[:-1]]
        width = channels[4]
        self.group = group
        self.convs = nn.Sequential(first, *blocks)
        self.final_conv = nn.Sequential(
            EqualisedConv2d(width + bool(group), width, 3, padding=1), BiasActivation(width)
        )
        self.final_linear = nn.Sequential(
            EqualisedLinear(width * 16, width, activate=True), EqualisedLinear(width, outputs)
        )

    def forward(self, images: Tensor) -> Tensor:
        features = self.convs(images)  # (B, C, 4, 4)
        if self.group:
            features = minibatch_stddev(features, self.group)
        return self.final_linear(self.final_conv(features).flatten(1))
