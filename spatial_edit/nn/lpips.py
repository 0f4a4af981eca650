"""LPIPS, a learned distance between pictures (Zhang et al. 2018, equation 1; version 0.1 of its weights).

    d(a, b) = sum over layers of mean over pixels of  head_l . (unit(f_l(a)) - unit(f_l(b)))^2

f_l: the activations of a frozen classifier's layers; unit: every pixel's vector of channels at length one;
head_l: one weight a channel, none below 0, learned from people's judgements.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spatial_edit.nn.trunks import Trunk

SHIFT = (-0.030, -0.088, -0.188)  # ImageNet's mean and deviation on [-1, 1]
SCALE = (0.458, 0.448, 0.450)
MIN_SIDE = 32  # pixels: below, AlexNet and SqueezeNet pool away everything


class Lpips(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1], twice -> (B,) distances, 0 for equal ones."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1, bias=False) for width in trunk.widths)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        if first.shape != second.shape or first.ndim != 4:
            raise ValueError(
                f"both sets must be (B, 3, H, W) of one shape, got {tuple(first.shape)} and "
                f"{tuple(second.shape)}"
            )
        total = torch.zeros(len(first), device=first.device)
        for head, a, b in zip(self.heads, self.features(first), self.features(second), strict=True):
            total = total + head((_unit(a) - _unit(b)).square()).mean((1, 2, 3))
        return total

    def features(self, images: Tensor) -> list[Tensor]:
        """The trunk's taps for pictures (B, 3, H, W) in [-1, 1]."""
        if min(images.shape[2:]) < MIN_SIDE:
            raise ValueError(f"LPIPS needs sides of at least {MIN_SIDE} pixels, got {tuple(images.shape)}")
        return self.trunk((images.float() - _channels(SHIFT, images)) / _channels(SCALE, images))


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def _channels(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device)[None, :, None, None]
