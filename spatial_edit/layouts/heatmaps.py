"""Heatmaps: centres with a spread on a few levels, as in SpatialGAN (Wang et al. 2023), section 3.2.

A level's heatmap is the sum of its centres' Gaussians, each with peak 1: H(p) = sum_k exp(-|p - c_k|^2 / (2
sigma_k^2)). Coarse levels say where the body of a thing is, finer ones where its parts are. sigma is a
standard deviation in fractions of the side; the published code divides the squared distance on a grid of [-1,
1] by a number instead, which is 8 sigma^2 here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Elements

MAX_CENTRES = 32
LEVELS = 3  # 0 is the coarsest
CENTRE_RANGE = (-0.2, 1.2)
SIGMA_RANGE = (0.01, 1.0)


@dataclass(frozen=True, eq=False)
class Heatmaps(Elements):
    """K centres. Shapes: centres (K, 2), sigmas (K,), both float32."""

    kind: ClassVar[str] = "heatmaps"

    centres: Tensor  # (K, 2) x right, y down; within CENTRE_RANGE
    sigmas: Tensor  # (K,) within SIGMA_RANGE
    levels: tuple[int, ...]  # 0 .. LEVELS - 1
    ids: tuple[int, ...]
    hidden: tuple[bool, ...] = ()
    locked: tuple[bool, ...] = ()

    def select(self, keep: list[int]) -> Heatmaps:
        """The centres at the given positions, in the given order."""
        index = torch.tensor(keep, dtype=torch.long)
        return replace(
            self,
            centres=self.centres[index],
            sigmas=self.sigmas[index],
            levels=tuple(self.levels[i] for i in keep),
            ids=tuple(self.ids[i] for i in keep),
            hidden=tuple(self.hidden[i] for i in keep),
            locked=tuple(self.locked[i] for i in keep),
        )

    def field(self, level: int, side: int) -> Tensor:
        """(side, side) the heatmap of a level; gradients flow to centres and sigmas."""
        shown = self.visible()
        chosen = [k for k, at in enumerate(shown.levels) if at == level]
        grid = (torch.arange(side) + 0.5) / side
        x, y = shown.centres[chosen, 0, None, None], shown.centres[chosen, 1, None, None]
        squared = (grid[None, None, :] - x) ** 2 + (grid[None, :, None] - y) ** 2  # (k, side, side)
        return (-squared / (2 * shown.sigmas[chosen, None, None] ** 2)).exp().sum(0)
