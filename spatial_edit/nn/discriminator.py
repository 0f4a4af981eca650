"""The discriminators of StyleGAN2 (Karras et al. 2020, figure 7), used by every family.

The residual one, without the mini-batch standard deviation and with more outputs, is also BlobGAN's inversion
encoder (Epstein et al. 2022, section 4.4). Parameter names follow the common layout
(`convs.j.conv1.0.weight`, ...), so that published weights load by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from spatial_edit.nn.equalised import BiasActivation, EqualisedConv2d, EqualisedLinear
from spatial_edit.nn.mapping import ConditionalMapping
from spatial_edit.nn.resample import Blur, Downsample

ARCHITECTURES = ("resnet", "orig", "skip")


def minibatch_stddev(x: Tensor, group: int, channels: int = 1) -> Tensor:
    """Appends `channels` channels: the standard deviation over a group of images, averaged over that part of
    the channels, and over pixels.

    x: (B, C, H, W) -> (B, C + channels, H, W). The group has G = min(B, group) images and interleaves: image
    j is with j + B/G, j + 2B/G, ... (Karras et al. 2018, section 3). ValueError when G does not divide B.
    """
    batch, width, height, breadth = x.shape
    size = min(batch, group)
    if batch % size:
        raise ValueError(f"batch of {batch} images with groups of {size}: use a batch divisible by {size}")
    if width % channels:
        raise ValueError(f"{width} channels cannot be split into {channels} statistics")
    precise = torch.promote_types(x.dtype, torch.float32)
    grouped = x.to(precise).unflatten(0, (size, batch // size))  # (G, B/G, C, H, W)
    deviation = (grouped.var(0, unbiased=False) + 1e-8).sqrt()
    deviation = deviation.unflatten(1, (channels, -1)).mean((2, 3, 4)).to(x.dtype)  # (B/G, channels)
    return torch.cat([x, deviation[:, :, None, None].repeat(size, 1, height, breadth)], 1)


def _down_conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Blur, then a convolution that halves the side. (1 x 1: the blur may drop the pixels itself.)"""
    if kernel == 1:
        return [Blur(1, stride=2), EqualisedConv2d(inputs, outputs, 1)]
    return [Blur(2), EqualisedConv2d(inputs, outputs, kernel, stride=2)]


def _limit(clamp: float | None) -> list[nn.Module]:
    """The layer that limits activations to [-clamp, clamp], if any."""
    return [] if clamp is None else [nn.Hardtanh(-clamp, clamp)]


def _from_rgb(image_channels: int, width: int, clamp: float | None = None) -> nn.Sequential:
    return nn.Sequential(EqualisedConv2d(image_channels, width, 1), BiasActivation(width), *_limit(clamp))


class ResidualBlock(nn.Module):
    """(B, inputs, H, W) -> (B, outputs, H/2, W/2): two 3 x 3 convolutions, plus a skip, over sqrt(2), if
    `residual`."""

    def __init__(
        self, inputs: int, outputs: int, *, residual: bool = True, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            EqualisedConv2d(inputs, inputs, 3, padding=1), BiasActivation(inputs), *_limit(clamp)
        )
        self.conv2 = nn.Sequential(*_down_conv(inputs, outputs, 3), BiasActivation(outputs), *_limit(clamp))
        self.skip = nn.Sequential(*_down_conv(inputs, outputs, 1)) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        return y if self.skip is None else (y + self.skip(x)) * math.sqrt(0.5)


class Discriminator(nn.Module):
    """Images (B, in_channels, R, R) in [-1, 1] -> logits (B, outputs); large means real.

    channels: width at every side 4, 8, .., resolution. group: mini-batch standard deviation over groups of
    so many images, in `statistics` channels; 0 turns it off, and the pictures of a batch no longer influence
    each other. architecture: "resnet"; "orig" without the blocks' skips; "skip" adds features of the
    down-sampled image before every block instead. clamp: limit of the activations. labels > 0: the logit is
    the product of `projection` features (0: as many as at side 4) with those of the label, over
    sqrt(projection) (Miyato and Koyama 2018).
    """

    def __init__(
        self,
        resolution: int,
        channels: Mapping[int, int],
        *,
        group: int = 4,
        outputs: int = 1,
        in_channels: int = 3,
        architecture: str = "resnet",
        statistics: int = 1,
        clamp: float | None = None,
        labels: int = 0,
        label_layers: int = 8,
        projection: int = 0,
    ) -> None:
        super().__init__()
        sides = [resolution >> i for i in range(resolution.bit_length()) if resolution >> i >= 4]
        if resolution < 8 or resolution & (resolution - 1):
            raise ValueError(f"resolution {resolution}: must be a power of two, 8 or more")
        missing = [side for side in sides if side not in channels]
        if missing:
            raise ValueError(f"channels has no width for side {missing}: give one for each of {sides}")
        if architecture not in ARCHITECTURES:
            raise ValueError(f"architecture '{architecture}': must be one of {', '.join(ARCHITECTURES)}")
        first = _from_rgb(in_channels, channels[resolution], clamp)
        blocks = [
            ResidualBlock(channels[s], channels[s // 2], residual=architecture == "resnet", clamp=clamp)
            for s in sides[:-1]
        ]
        width = channels[4]
        self.group, self.statistics = group, statistics
        self.convs = nn.Sequential(first, *blocks)
        self.final_conv = nn.Sequential(
            EqualisedConv2d(width + bool(group) * statistics, width, 3, padding=1),
            BiasActivation(width),
            *_limit(clamp),
        )
        self.projection = (projection or width) if labels else 0
        self.final_linear = nn.Sequential(
            EqualisedLinear(width * 16, width, activate=True),
            EqualisedLinear(width, self.projection or outputs),
        )
        with_rgb = sides[1:] if architecture == "skip" else []
        # the published networks limit all of these but the one of side 4
        self.rgbs = nn.ModuleList(
            _from_rgb(in_channels, channels[s], clamp if s > 4 else None) for s in with_rgb
        )
        self.downsample = Downsample() if architecture == "skip" else None
        self.mapping = (
            ConditionalMapping(
                0,
                labels,
                self.projection,
                hidden=self.projection,
                embedding=self.projection,
                layers=label_layers,
            )
            if labels
            else None
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """labels: (B, classes), one-hot, for a network that knows classes. ValueError when they lack."""
        features = self.features(images)
        if self.group:
            features = minibatch_stddev(features, self.group, self.statistics)
        logits = self.final_linear(self.final_conv(features).flatten(1))
        if self.mapping is None:
            return logits
        if labels is None:
            raise ValueError(f"this discriminator judges {self.mapping.labels} classes: give labels")
        projected = logits * self.mapping(None, labels)  # (B, projection)
        return projected.sum(1, keepdim=True) / math.sqrt(self.projection)

    def features(self, images: Tensor) -> Tensor:
        """(B, C, 4, 4) what enters the last block."""
        if self.downsample is None:
            return self.convs(images)
        first, *blocks = self.convs
        x = first(images)
        for block, rgb in zip(blocks, self.rgbs, strict=True):
            images = self.downsample(images)
            x = block(x) + rgb(images)
        return x
