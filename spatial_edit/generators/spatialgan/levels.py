"""Heatmaps in the layout's own frame, for our networks: drawing, with gradients, at any side (SpatialGAN,
Wang et al. 2023, sections 3.1 and 3.3).

    H_i(p) = height_i * exp(-|p - c_i|^2 / (2 sigma_i^2))

p, c and sigma are fractions of the side and p lies at pixel centres, (k + 1/2) / side: the same centre is at
the same place on a map of 4 pixels and on one of 64. That is what drawing at the features' resolution
("coarse processing") needs. `heatmap.py` has the published network's frame instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Centres:
    """The sub-heatmaps of one level for a batch of pictures, n for each."""

    centres: Tensor  # (B, n, 2) x right, y down, fractions of the side
    sigmas: Tensor  # (B, n) standard deviations, fractions of the side, above 0
    heights: Tensor  # (B, n) of the peaks; 0: not there

    def draw(self, side: int, *, slopes: bool = False) -> Tensor:
        """(B, n, side, side) one map a centre; gradients flow to centres, sigmas and heights.

        slopes: (B, 3 n, side, side), each map followed by itself times (p - c) / sigma, x and then y: its
        slope but for the sign, so that a network can tell left of the centre from right of it.
        """
        grid = (torch.arange(side, device=self.centres.device) + 0.5) / side
        spreads = 2 * self.sigmas.square()[..., None]  # (B, n, 1)
        # the exponential of a sum is a product: two lines of pixels instead of a square of exponentials
        columns, rows = (
            (-(grid - self.centres[..., axis, None]).square() / spreads).exp() for axis in (0, 1)
        )
        maps = (rows * self.heights[..., None])[..., :, None] * columns[..., None, :]
        if not slopes:
            return maps
        away = (grid - self.centres[..., None]) / self.sigmas[..., None, None]  # (B, n, 2, side)
        sideways, down = maps * away[..., 0, None, :], maps * away[..., 1, :, None]
        return torch.stack([maps, sideways, down], 2).flatten(1, 2)

    def to(self, device: torch.device | str) -> Centres:
        """The same on a device."""
        return Centres(self.centres.to(device), self.sigmas.to(device), self.heights.to(device))

    def __getitem__(self, index: Any) -> Centres:
        """Some pictures of the batch."""
        return Centres(self.centres[index], self.sigmas[index], self.heights[index])


Levels = tuple[Centres, ...]


def stacked(pictures: Sequence[Levels]) -> Levels:
    """The levels of several pictures as those of one batch."""

    def join(parts: Sequence[Centres]) -> Centres:
        return Centres(
            torch.cat([p.centres for p in parts]),
            torch.cat([p.sigmas for p in parts]),
            torch.cat([p.heights for p in parts]),
        )

    return tuple(join(parts) for parts in zip(*pictures, strict=True))


def on(levels: Levels, device: torch.device | str) -> Levels:
    """All levels on a device."""
    return tuple(level.to(device) for level in levels)
