"""Discriminators that judge patches at several scales (Wang et al. 2018, section 3.2; Isola et al. 2017).

Each scale is a stack of 4 x 4 convolutions whose last map holds one logit a patch; every further scale sees
the pictures at half the side. All intermediate maps come out, for feature matching (Wang et al. 2018,
equation 2). Spectral convolutions and instance norm in the middle, as in SPADE (Park et al. 2019,
appendix A).
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.nn.spade import SLOPE, conv

WIDEST = 512  # widths double from layer to layer up to this
_KERNEL, _PAD = 4, 2


class PatchDiscriminator(nn.Module):
    """One scale: (B, inputs, H, W) -> the maps of all layers, the last one the logits (B, 1, h, w).

    layers: those before the logits; all halve the side but the last.
    """

    def __init__(self, inputs: int, width: int = 64, layers: int = 4, *, spectral: bool = False) -> None:
        super().__init__()
        if layers < 2:
            raise ValueError(f"{layers} layers: a patch discriminator has at least 2 before its logits")
        first = nn.Conv2d(inputs, width, _KERNEL, stride=2, padding=_PAD)
        stages: list[nn.Module] = [nn.Sequential(first, nn.LeakyReLU(SLOPE))]
        widths = [min(width * 2**i, max(WIDEST, width)) for i in range(layers)]
        for i, (before, after) in enumerate(pairwise(widths), start=1):
            step = 1 if i == layers - 1 else 2
            middle = conv(before, after, _KERNEL, spectral=spectral, stride=step, padding=_PAD, bias=False)
            stages.append(nn.Sequential(middle, nn.InstanceNorm2d(after), nn.LeakyReLU(SLOPE)))
        stages.append(nn.Conv2d(widths[-1], 1, _KERNEL, padding=_PAD))
        self.stages = nn.ModuleList(stages)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        maps = [pictures]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]


class MultiScaleDiscriminator(nn.Module):
    """(B, inputs, H, W) -> for each scale, from the finest, the maps of all layers.

    inputs: those of the condition and of the picture, one after the other. Published training judges fake and
    real pictures in one batch; with instance norm that changes nothing.
    """

    def __init__(
        self, inputs: int, width: int = 64, layers: int = 4, scales: int = 2, *, spectral: bool = False
    ) -> None:
        super().__init__()
        if scales < 1:
            raise ValueError(f"{scales} scales: at least 1 is needed")
        self.scales = nn.ModuleList(
            PatchDiscriminator(inputs, width, layers, spectral=spectral) for _ in range(scales)
        )

    def forward(self, pictures: Tensor) -> list[list[Tensor]]:
        results = []
        for i, scale in enumerate(self.scales):
            if i:  # padding does not count in the mean
                pictures = F.avg_pool2d(pictures, 3, stride=2, padding=1, count_include_pad=False)
            results.append(scale(pictures))
        return results
